import numpy as np

from kpp_tf.data.mazes import episode, layout, textures, topdown

RED = np.array([214, 39, 40])


def test_same_seed_same_bytes():
    first = episode.make_episode(11, 64)
    textures.texture.cache_clear()
    textures.sky_panorama.cache_clear()
    second = episode.make_episode(11, 64)
    other = episode.make_episode(12, 64)
    for one, two in zip(first, second, strict=True):
        assert one.tobytes() == two.tobytes()
    assert first.frames.tobytes() != other.frames.tobytes()


def test_both_sizes_show_the_same_walk():
    large, small = (episode.make_episode(9, size) for size in (64, 32))
    np.testing.assert_array_equal(large.poses, small.poses)
    shrunk = large.frames.reshape(300, 32, 2, 32, 2, 3).mean((2, 4))
    error = np.abs(shrunk - small.frames).mean()
    others = np.abs(shrunk - np.roll(small.frames, 30, 0)).mean()
    assert error < 4 < others / 3


def test_frames_change_little_from_one_to_the_next():
    frames = episode.make_episode(2, 64).frames.astype(np.float32)
    step = np.abs(np.diff(frames, axis=0)).mean((1, 2, 3))
    apart = np.abs(frames[:150] - frames[150:]).mean((1, 2, 3))
    assert np.median(step) < 0.5 * np.median(apart)
    assert (step > 0).mean() > 0.99


def test_map_shows_walls_and_an_arrow_that_points_ahead():
    maze = layout.random_layout(6)
    scale = topdown.PIXELS_PER_CELL
    bare = topdown.draw_map(maze, np.zeros((0, 3)), ()).astype(int)
    middles = bare[scale // 2 :: scale, scale // 2 :: scale].sum(-1)
    assert middles[maze.free].min() > middles[~maze.free].max()

    row, column = np.argwhere(maze.free)[17]
    for heading in np.arange(-3, 3, 0.7):
        pose = np.array([[column + 0.5, row + 0.5, heading]])
        picture = topdown.draw_map(maze, pose).astype(int)
        rows, columns = np.nonzero(np.abs(picture - RED).sum(-1) < 10)
        spot = np.stack([columns, rows], -1) + 0.5 - pose[0, :2] * scale
        assert len(spot) > 10 and np.linalg.norm(spot, axis=-1).max() < 0.6 * scale
        # A triangle is wide behind and pointed ahead: its centre of mass lies behind
        # the middle of its extent along the heading, and the tip lies ahead.
        along = spot @ [np.cos(heading), np.sin(heading)]
        across = spot @ [-np.sin(heading), np.cos(heading)]
        assert along.mean() < (along.min() + along.max()) / 2
        assert abs(across.mean()) < 0.6
        assert along.max() > 0.2 * scale

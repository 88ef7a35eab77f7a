import numpy as np

from kpp_tf.data.mazes import episode, textures


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

import numpy as np
import pytest

from kpp_tf.data.mazes import episode, layout, raycaster, textures

SIZE = 64
FOCAL = SIZE / 2 / np.tan(raycaster.FIELD_OF_VIEW / 2)
SKY = (0, 0, 255)


def _flat_atlas(walls, floors, sky=None):
    """An atlas of plain colours, no side shaded."""
    plain = np.ones((textures.SIDE, textures.SIDE, 3))
    texels = [textures.mip_levels(plain * c) for c in (*walls, *floors)]
    if sky is None:
        sky = np.broadcast_to(SKY, (textures.SKY_ROWS, textures.SKY_COLUMNS, 3))
    starts = np.arange(len(texels), dtype=np.int32) * textures.TEXTURE_TEXELS
    first_walls = starts[: len(walls)]
    return textures.Atlas(
        texels=np.concatenate([*texels, textures.pack(sky).ravel()]),
        walls=np.stack([first_walls, first_walls], 1),
        floors=starts[len(walls) :],
        sky=len(texels) * textures.TEXTURE_TEXELS,
    )


def _hall(rows, columns):
    free = np.zeros((rows + 2, columns + 2), bool)
    free[1:-1, 1:-1] = True
    return layout.Layout(free, np.zeros(free.shape, np.int32))


def _box_distance(free, start, direction):
    """Nearest wall square on each ray by the slab method, tried one by one."""
    low = np.argwhere(~free)[:, ::-1].astype(np.float64)
    with np.errstate(divide="ignore"):
        inverse = 1 / direction[:, None]
    a, b = (low - start[:, None]) * inverse, (low + 1 - start[:, None]) * inverse
    enter, leave = np.minimum(a, b).max(-1), np.maximum(a, b).min(-1)
    return np.where((enter <= leave) & (leave > 0), enter, np.inf).min(1)


@pytest.mark.parametrize("seed", range(4))
def test_rays_stop_where_the_slab_method_says(seed):
    rng = np.random.default_rng(seed)
    free = layout.random_layout(seed).free
    cells = np.argwhere(free)[rng.integers(free.sum(), size=500)]
    start = cells[:, ::-1] + rng.uniform(0.05, 0.95, (500, 2))
    angle = rng.uniform(-np.pi, np.pi, 500)
    direction = np.stack([np.cos(angle), np.sin(angle)], -1) * rng.uniform(0.5, 2)
    hits = raycaster.cast_rays(free, *start.T, *direction.T)
    np.testing.assert_allclose(
        hits.depth, _box_distance(free, start, direction), rtol=1e-9
    )
    # Just before the hit lies the free cell that is named, just behind it a wall.
    before = start + direction * (hits.depth - 1e-7)[:, None]
    behind = start + direction * (hits.depth + 1e-7)[:, None]
    np.testing.assert_array_equal(np.floor(before), np.stack(hits[3:1:-1], -1))
    column, row = np.floor(behind).astype(int).T
    assert not free[row, column].any()


def test_rays_along_the_axes():
    free = _hall(3, 5).free
    hits = raycaster.cast_rays(
        free, [2.5] * 4, [1.25] * 4, [1, 0, -1, 0], [0, 1, 0, -1]
    )
    np.testing.assert_allclose(hits.depth, [3.5, 2.75, 1.5, 0.25])
    # Left to right as the viewer sees it: facing east, south, west, north.
    np.testing.assert_allclose(hits.along, [0.25, 0.5, 0.75, 0.5])
    np.testing.assert_array_equal(hits.crossed_x, [True, False, True, False])


@pytest.mark.parametrize("heading", [0, np.pi / 2, np.pi, -np.pi / 2])
@pytest.mark.parametrize("depth", [1.5, 3.0, 5.5])
def test_a_wall_faced_squarely_is_a_level_band_of_the_pinhole_cameras_height(
    heading, depth
):
    """No fish-eye: top and bottom edge lie in the same rows in all columns."""
    maze = _hall(15, 15)
    forward = np.array([np.cos(heading), np.sin(heading)])
    wall = np.where(forward > 0.5, 16, np.where(forward < -0.5, 1, 8.5))
    x, y = wall - depth * np.rint(forward)
    atlas = _flat_atlas([(255, 0, 0)], [(0, 255, 0)])
    frame = raycaster.render(maze, atlas, np.array([[x, y, heading]]), SIZE)[0] / 255
    # Side walls rise at the frame's edges when near: only columns that see the front.
    half = min(SIZE // 2, int(FOCAL * 7 / depth))
    front = frame[:, SIZE // 2 - half : SIZE // 2 + half]
    np.testing.assert_allclose(front, front[:, :1].repeat(2 * half, 1), atol=0)
    above = (raycaster.WALL_HEIGHT - raycaster.EYE_HEIGHT) / depth
    below = raycaster.EYE_HEIGHT / depth
    # Rows of each colour, to the half pixel that supersampling resolves.
    rows = front[:, 0].sum(0)
    sky = max(SIZE / 2 - FOCAL * above, 0)
    floor = max(SIZE / 2 - FOCAL * below, 0)
    np.testing.assert_allclose(rows, [SIZE - sky - floor, floor, sky], atol=0.51)
    # Sky over wall over floor.
    order = front[:, 0].argmax(-1)
    assert (np.diff(np.array([1, 2, 0])[order]) >= 0).all()


def test_floor_cells_lie_where_a_pinhole_camera_projects_them():
    rng = np.random.default_rng(0)
    maze = _hall(9, 9)
    colours = rng.integers(0, 256, (81, 3))
    room = np.zeros(maze.free.shape, np.int32)
    room[1:-1, 1:-1] = np.arange(81).reshape(9, 9)
    maze = maze._replace(room=room)
    atlas = _flat_atlas([(0, 0, 0)] * 81, colours)
    checked = 0
    for heading in (0.3, 2.1, -1.2, -2.9):
        pose = np.array([5.4, 5.7, heading])
        frame = raycaster.render(maze, atlas, pose[None], SIZE)[0]
        points = rng.uniform(1, 10, (8000, 2))
        inner = (np.abs(points % 1 - 0.5) < 0.25).all(-1)
        offset = points - pose[:2]
        forward = offset @ [np.cos(heading), np.sin(heading)]
        right = offset @ [-np.sin(heading), np.cos(heading)]
        # A pixel covers depth**2 / (eye * focal) of the floor: less than the margin.
        near = inner & (forward > 0.5) & (forward < 1.7)
        column = SIZE / 2 + FOCAL * right / np.maximum(forward, 1e-9)
        row = SIZE / 2 + FOCAL * raycaster.EYE_HEIGHT / np.maximum(forward, 1e-9)
        seen = near & (column >= 0) & (column < SIZE) & (row < SIZE)
        cell = room[points[:, 1].astype(int), points[:, 0].astype(int)]
        for c, r, want in zip(
            column[seen], row[seen], colours[cell[seen]], strict=True
        ):
            np.testing.assert_array_equal(frame[int(r), int(c)], want)
            checked += 1
    assert checked > 200


def test_sky_stands_still_while_the_agent_turns():
    """Each column's sky has the colour of its compass direction."""
    maze = _hall(15, 15)
    azimuth = np.arange(textures.SKY_COLUMNS) * (2 * np.pi / textures.SKY_COLUMNS)
    wave = 127.5 + 127.5 * np.stack(
        [np.cos(azimuth), np.sin(azimuth), 0 * azimuth - 1], -1
    )
    sky = np.broadcast_to(wave, (textures.SKY_ROWS, *wave.shape))
    atlas = _flat_atlas([(0, 0, 0)], [(0, 0, 0)], sky)
    headings = np.linspace(-np.pi, np.pi, 9)
    poses = np.stack([np.full(9, 8.5), np.full(9, 8.5), headings], -1)
    top = raycaster.render(maze, atlas, poses, SIZE)[:, 0].astype(float) / 127.5 - 1
    seen = np.arctan2(top[..., 1], top[..., 0])
    bearing = np.arctan((np.arange(SIZE) + 0.5 - SIZE / 2) / FOCAL)
    error = np.angle(np.exp(1j * (seen - headings[:, None] - bearing)))
    assert np.abs(error).max() < 0.03


def test_textures_read_left_to_right_and_top_to_bottom():
    """A wall whose texture is red to the left and green at the top."""
    ramp = np.linspace(0, 255, textures.SIDE)
    image = np.zeros((textures.SIDE, textures.SIDE, 3))
    image[..., 0], image[..., 1] = ramp[::-1], ramp[::-1, None]
    atlas = _flat_atlas([(0, 0, 0)], [(0, 0, 0)])
    texels = atlas.texels.copy()
    texels[: textures.TEXTURE_TEXELS] = textures.mip_levels(image)
    atlas = atlas._replace(texels=texels)
    for heading in (0, np.pi / 2, np.pi, -np.pi / 2):
        poses = np.array([[1.5, 1.5, heading]])
        frame = raycaster.render(_hall(1, 1), atlas, poses, SIZE)[0].astype(int)
        # At half a cell from the wall: its middle 0.8 of a cell fills the frame.
        wall = frame[SIZE // 2 - 20 : SIZE // 2 + 20]
        assert (np.diff(wall[..., 0], axis=1) <= 0).all(), heading
        assert (np.diff(wall[..., 1], axis=0) <= 0).all(), heading
        assert np.ptp(wall[..., 0]) > 150 and np.ptp(wall[..., 1]) > 150


def test_mip_levels_are_block_means():
    image = np.random.default_rng(0).uniform(0, 255, (textures.SIDE, textures.SIDE, 3))
    levels = textures.mip_levels(image)
    for level, first in enumerate(textures.LEVEL_OFFSETS):
        side, block = textures.SIDE >> level, 1 << level
        texels = levels[first : first + side * side].reshape(side, side)
        rgb = np.stack([texels >> shift & 255 for shift in (0, 8, 16)], -1)
        mean = image.reshape(side, block, side, block, 3).mean((1, 3))
        np.testing.assert_allclose(rgb, mean, atol=0.5)
    assert len(levels) == first + 1


@pytest.mark.parametrize("style", ["sky_01", "sky_02", "sky_03"])
def test_sky_panorama_has_no_seam_between_its_boxs_sides_and_top(style):
    packed = textures.sky_panorama(style)
    rgb = np.stack([packed >> shift & 255 for shift in (0, 8, 16)], -1).astype(int)
    # A side of the box reaches up to tan(elevation) = cos(angle from its middle).
    columns = np.arange(textures.SKY_COLUMNS)
    azimuth = (columns + 0.5) * (2 * np.pi / textures.SKY_COLUMNS)
    middle = np.abs((azimuth + np.pi / 4) % (np.pi / 2) - np.pi / 4)
    edge = np.arctan(np.cos(middle)) / textures.SKY_TOP * (textures.SKY_ROWS - 1)
    edge = edge.astype(int)
    for offset in (-2, -1, 0, 1, 2):
        step = rgb[edge + offset + 1, columns] - rgb[edge + offset, columns]
        assert np.abs(step).max() <= 12


@pytest.mark.parametrize("where", [(0.5, 0.5), (-1.0, 1.5), (1.5, 99.0)])
def test_poses_in_walls_are_refused(where):
    atlas = _flat_atlas([(0, 0, 0)], [(0, 0, 0)])
    poses = np.array([[1.5, 1.5, 0.0], [*where, 0.0]])
    with pytest.raises(ValueError, match="free cell"):
        raycaster.render(_hall(1, 1), atlas, poses, SIZE)


def test_a_frame_does_not_depend_on_its_neighbours():
    maze = layout.random_layout(3)
    atlas = textures.random_atlas(int(maze.room.max()) + 1, np.random.default_rng(0))
    poses = episode.make_episode(3, 32).poses[:7]
    together = raycaster.render(maze, atlas, poses, 32)
    for pose, frame in zip(poses, together, strict=True):
        alone = raycaster.render(maze, atlas, pose[None], 32)[0]
        np.testing.assert_array_equal(alone, frame)

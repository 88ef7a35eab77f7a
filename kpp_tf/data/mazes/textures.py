"""One table of texels for a maze: its walls, floors and sky, with mip levels.

Everything that a frame can show is in one flat array, so that drawing is one gather.
A texel is a uint32 that holds red, green and blue in its lowest three bytes.
"""

import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kpp_tf.data.mazes import layout as layout_lib

# A texture covers one cell with 128 x 128 texels; level l has 128 / 2**l a side.
LEVELS = 8
SIDE = 2 ** (LEVELS - 1)
LEVEL_OFFSETS = np.cumsum([0] + [4 ** (LEVELS - 1 - i) for i in range(LEVELS)])[:-1]
TEXTURE_TEXELS = sum(4**i for i in range(LEVELS))

# The sky is a panorama: columns are azimuth over a full turn, rows are elevation from
# 0 at row 0 to SKY_TOP at the last row.
SKY_COLUMNS = 1024
SKY_ROWS = 192
SKY_TOP = np.deg2rad(60.0)

# Walls that face east or west are darker than those that face north or south, so that
# a corner between two walls of one colour can be seen.
SIDE_SHADE = 0.8


class Atlas(NamedTuple):
    """The texels of one maze and where each surface's begin.

    Attributes:
      texels: uint32 [N].
      walls: int32 [styles, 2], first texel of each style's wall, in full light and
        in `SIDE_SHADE`.
      floors: int32 [styles], first texel of each style's floor.
      sky: First texel of the panorama, [SKY_ROWS, SKY_COLUMNS].
    """

    texels: np.ndarray
    walls: np.ndarray
    floors: np.ndarray
    sky: int


def pack(rgb: np.ndarray) -> np.ndarray:
    """Packs colours.

    Args:
      rgb: [..., 3] in [0, 255], any real dtype; rounded.

    Returns:
      uint32 [...].
    """
    red, green, blue = np.moveaxis(np.rint(rgb).astype(np.uint32), -1, 0)
    return red | green << 8 | blue << 16


def mip_levels(rgb: np.ndarray) -> np.ndarray:
    """Halves a texture again and again by averaging 2 x 2 texels.

    Args:
      rgb: float [SIDE, SIDE, 3] in [0, 255].

    Returns:
      uint32 [TEXTURE_TEXELS]: level 0 row by row, then level 1, and so on to 1 x 1.
    """
    levels = []
    for _ in range(LEVELS):
        levels.append(pack(rgb).ravel())
        side = rgb.shape[0] // 2
        if side:
            rgb = rgb.reshape(side, 2, side, 2, 3).mean((1, 3))
    return np.concatenate(levels)


def _read_png(path: str) -> np.ndarray:
    image = tf.io.decode_png(tf.io.read_file(path), channels=3)
    return image.numpy().astype(np.float32)


@functools.cache
def texture(path: str) -> np.ndarray:
    """A texture of labmaze in [0, 255], averaged to float32 [SIDE, SIDE, 3]."""
    image = _read_png(path)
    block = image.shape[0] // SIDE
    return image.reshape(SIDE, block, SIDE, block, 3).mean((1, 3))


@functools.cache
def sky_panorama(style: str) -> np.ndarray:
    """Unrolls a sky box into a panorama.

    Args:
      style: One of `labmaze.assets.SKY_STYLES`.

    Returns:
      uint32 [SKY_ROWS, SKY_COLUMNS]; azimuth grows to the right of the viewer, 0 is
      the centre of the box's front.
    """
    paths = layout_lib.import_labmaze().assets.get_sky_texture_paths(style)
    faces = (paths.front, paths.right, paths.back, paths.left, paths.up)
    box = np.stack([_read_png(path) for path in faces])
    azimuth = (np.arange(SKY_COLUMNS) + 0.5) * (2 * np.pi / SKY_COLUMNS)
    rise = np.tan(np.arange(SKY_ROWS) * (SKY_TOP / (SKY_ROWS - 1)))[:, None]
    quarter = np.floor(azimuth / (np.pi / 2) + 0.5)
    local = azimuth - quarter * (np.pi / 2)
    # A direction (cos a, sin a, rise) meets the side face of the unit box, or its top
    # when it leaves the side above the edge.
    across = np.broadcast_to(np.tan(local), (SKY_ROWS, SKY_COLUMNS))
    up = rise / np.cos(local)
    on_top = up > 1
    safe_rise = np.maximum(rise, 1e-6)
    face = np.where(on_top, 4, quarter.astype(int) % 4)
    x = np.where(on_top, np.sin(azimuth) / safe_rise, across)
    y = np.where(on_top, np.cos(azimuth) / safe_rise, up)
    side = box.shape[1]
    # Some faces have outermost lines of another colour: keep off them.
    column = np.clip((x + 1) / 2 * side, 4, side - 5).astype(int)
    row = np.clip((1 - y) / 2 * side, 4, side - 5).astype(int)
    return pack(box[face, row, column])


def random_atlas(styles: int, rng: np.random.Generator) -> Atlas:
    """Chooses textures for a maze.

    Args:
      styles: How many looks the maze has: 1 for its corridors and 1 for each room.
      rng: Where the choice comes from.

    Returns:
      The `Atlas`. No two styles share a wall texture.
    """
    assets = layout_lib.import_labmaze().assets
    walls, floors = [], []
    for style in assets.MAZE_STYLES:
        walls += assets.get_wall_texture_paths(style).values()
        floors += assets.get_floor_texture_paths(style).values()
    wall_paths = [walls[i] for i in rng.permutation(len(walls))[:styles]]
    floor_paths = [floors[i] for i in rng.permutation(len(floors))[:styles]]
    sky = sky_panorama(assets.SKY_STYLES[rng.integers(len(assets.SKY_STYLES))])
    textures = []
    for path in wall_paths:
        textures += [texture(path), SIDE_SHADE * texture(path)]
    textures += [texture(path) for path in floor_paths]
    starts = np.arange(3 * styles, dtype=np.int32) * TEXTURE_TEXELS
    return Atlas(
        texels=np.concatenate([mip_levels(t) for t in textures] + [sky.ravel()]),
        walls=starts[: 2 * styles].reshape(styles, 2),
        floors=starts[2 * styles :],
        sky=3 * styles * TEXTURE_TEXELS,
    )

"""Draws what an agent sees in a maze.

One ray a column finds the wall (Amanatides and Woo, 1987, "A Fast Voxel Traversal
Algorithm for Ray Tracing"); with the camera level, a wall is a vertical run of pixels,
so height on the wall follows from a pixel's slope and the wall's depth:
`height = eye - slope * depth`. Below 0 the pixel sees the floor at depth `eye / slope`,
above the wall it sees the sky. Depth is measured along the viewing direction, not
along the ray, so that straight walls stay straight.

Frames are drawn at twice their size and averaged 2 x 2; textures are mip-mapped.
Lengths are in cells. Headings are radians clockwise from east on the map.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from kpp_tf.data.mazes import textures
from kpp_tf.data.mazes.layout import Layout

WALL_HEIGHT = 0.75
EYE_HEIGHT = 0.36
FIELD_OF_VIEW = math.radians(80.0)
SUPERSAMPLING = 2
# Frames drawn at a time: their samples stay in the processor's cache.
_CHUNK = 4


class Hits(NamedTuple):
    """Where rays meet walls; every field has one entry a ray.

    Attributes:
      depth: float64, distance in units of the ray's direction vector.
      along: float64 in [0, 1), place on the wall face, from its left to its right.
      row: int, free cell in front of the wall.
      column: int, likewise.
      crossed_x: bool, whether the face looks east or west.
    """

    depth: np.ndarray
    along: np.ndarray
    row: np.ndarray
    column: np.ndarray
    crossed_x: np.ndarray


def cast_rays(
    free: np.ndarray, x: ArrayLike, y: ArrayLike, dx: ArrayLike, dy: ArrayLike
) -> Hits:
    """Walks rays from cell to cell until each enters a wall.

    Args:
      free: bool [rows, columns]; the border is wall.
      x: float [N], start, inside a free cell. Columns.
      y: float [N], likewise. Rows.
      dx: float [N], direction; its length is the unit of depth.
      dy: float [N], likewise.

    Returns:
      `Hits` with fields of shape [N].
    """
    x, y, dx, dy = (np.asarray(v, np.float64) for v in (x, y, dx, dy))
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    step_x, step_y = np.where(dx > 0, 1, -1), np.where(dy > 0, 1, -1)
    # A ray parallel to an axis never crosses that axis's lines: its next crossing is
    # far away, not at infinity times zero.
    per_x = 1 / np.maximum(np.abs(dx), 1e-12)
    per_y = 1 / np.maximum(np.abs(dy), 1e-12)
    next_x = np.where(dx > 0, column + 1 - x, x - column) * per_x
    next_y = np.where(dy > 0, row + 1 - y, y - row) * per_y
    depth = np.zeros_like(x)
    crossed_x = np.zeros(x.shape, bool)
    going = np.ones(x.shape, bool)
    while going.any():
        by_x = next_x < next_y
        step_to_x = column + step_x * by_x
        step_to_y = row + step_y * ~by_x
        depth = np.where(going, np.minimum(next_x, next_y), depth)
        crossed_x = np.where(going, by_x, crossed_x)
        next_x = np.where(by_x, next_x + per_x, next_x)
        next_y = np.where(by_x, next_y, next_y + per_y)
        going = going & free[step_to_y, step_to_x]
        column = np.where(going, step_to_x, column)
        row = np.where(going, step_to_y, row)
        # Rays that arrived keep stepping on the spot; their fields no longer change.
    hit = np.where(crossed_x, y + depth * dy, x + depth * dx)
    along = hit - np.floor(hit)
    # Right of a viewer that faces east is south (larger y), of one that faces south
    # is west (smaller x); mirror the other two so that textures read left to right.
    mirrored = np.where(crossed_x, dx < 0, dy > 0)
    along = np.where(mirrored, 1 - along, along)
    return Hits(depth, np.clip(along, 0, 1 - 1e-9), row, column, crossed_x)


class _Screen:
    """What depends on the frame's size only: slopes, floor depths, sky elevations."""

    def __init__(self, size: int) -> None:
        samples = SUPERSAMPLING * size
        focal = samples / 2 / math.tan(FIELD_OF_VIEW / 2)
        slope = ((np.arange(samples) + 0.5 - samples / 2) / focal).astype(np.float32)
        self.samples = samples
        self.focal = focal
        self.right = slope
        self.above = slope[: samples // 2, None]
        self.below = slope[samples // 2 :, None]
        self.azimuth = np.arctan(slope)
        elevation = np.arctan(-self.above / np.hypot(1, slope))
        rows = np.rint(elevation * ((textures.SKY_ROWS - 1) / textures.SKY_TOP))
        self.sky_rows = rows.astype(np.int32) * textures.SKY_COLUMNS
        self.floor_depth = EYE_HEIGHT / self.below
        # Floor texels shrink by depth / focal across and depth**2 / (eye * focal)
        # along the view. One level serves both: their geometric mean, and a little
        # blur rather than shimmer.
        spread = self.floor_depth**1.5 / (math.sqrt(EYE_HEIGHT) * focal)
        self.floor_level = _mip_level(1.5 * spread)


def _mip_level(cells_per_sample: np.ndarray) -> np.ndarray:
    """The level whose texels are nearest in size to a sample, int32."""
    level = np.rint(np.log2(np.maximum(cells_per_sample * textures.SIDE, 1)))
    return np.minimum(level, textures.LEVELS - 1).astype(np.int32)


def _average(samples: np.ndarray) -> np.ndarray:
    """Averages 2 x 2 packed samples: uint32 [F, 2H, 2W] -> uint8 [F, H, W, 3]."""
    colours = samples.astype("<u4").view(np.uint8).reshape(*samples.shape, 4)
    rows = colours[:, 0::2].astype(np.uint16) + colours[:, 1::2]
    total = rows[:, :, 0::2] + rows[:, :, 1::2]
    return ((total[..., :3] + 2) >> 2).astype(np.uint8)


def _draw(
    layout: Layout, atlas: textures.Atlas, poses: np.ndarray, screen: _Screen
) -> np.ndarray:
    """Draws a few frames; see `render`."""
    x, y, heading = (poses[:, i, None].astype(np.float64) for i in range(3))
    # Directions with depth 1 along the view: forward + right * slope, [F, samples].
    dx = np.cos(heading) - np.sin(heading) * screen.right
    dy = np.sin(heading) + np.cos(heading) * screen.right
    start_x, start_y = np.broadcast_to(x, dx.shape), np.broadcast_to(y, dx.shape)
    rays = (v.ravel() for v in (start_x, start_y, dx, dy))
    hits = Hits(*(v.reshape(dx.shape) for v in cast_rays(layout.free, *rays)))

    # Walls: one texture column a ray.
    slant = np.where(hits.crossed_x, np.abs(dx), np.abs(dy)) / np.hypot(dx, dy)
    level = _mip_level(hits.depth / screen.focal / np.sqrt(np.maximum(slant, 1e-3)))
    side = textures.SIDE >> level
    style = layout.room[hits.row, hits.column]
    first = atlas.walls[style, hits.crossed_x.astype(int)]
    first = first + textures.LEVEL_OFFSETS[level] + (hits.along * side).astype(int)
    first = first.astype(np.int32)[:, None]
    depth = hits.depth.astype(np.float32)[:, None]
    side_f = side.astype(np.float32)[:, None]
    shift = (textures.LEVELS - 1 - level).astype(np.int32)[:, None]

    def wall(slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Texel of the wall in rows of this slope, and the height there, 0 to 1."""
        height = (EYE_HEIGHT - slope * depth) * np.float32(1 / WALL_HEIGHT)
        v = ((1 - height) * side_f).astype(np.int32)
        return first + (v << shift), height

    index = np.empty((len(poses), screen.samples, screen.samples), np.int32)
    half = screen.samples // 2

    # Above the horizon: wall or sky.
    turn = (heading + screen.azimuth) * (textures.SKY_COLUMNS / (2 * np.pi))
    sky_column = np.floor(turn).astype(np.int32) % textures.SKY_COLUMNS
    texel, height = wall(screen.above)
    sky = (atlas.sky + sky_column)[:, None] + screen.sky_rows
    index[:, :half] = np.where(height < 1, texel, sky)

    # Below the horizon: wall or floor. Beyond the wall the floor is never seen, so
    # its cell is only kept inside the grid.
    texel, height = wall(screen.below)
    rows, columns = layout.free.shape
    level = screen.floor_level
    scale = (textures.SIDE >> level).astype(np.float32)
    shift = textures.LEVELS - 1 - level
    u, v = (
        np.clip(
            (p[:, None].astype(np.float32) + d[:, None] * screen.floor_depth) * scale,
            0,
            n * scale - 1,
        ).astype(np.int32)
        for p, d, n in (
            (x, dx.astype(np.float32), columns),
            (y, dy.astype(np.float32), rows),
        )
    )
    floor_of_cell = atlas.floors[layout.room].ravel()
    first = np.take(floor_of_cell, (v >> shift) * columns + (u >> shift))
    mask = (textures.SIDE >> level) - 1
    floor = first + textures.LEVEL_OFFSETS[level].astype(np.int32)
    floor += ((v & mask) << shift) + (u & mask)
    index[:, half:] = np.where(height > 0, texel, floor)
    return _average(np.take(atlas.texels, index))


def render(
    layout: Layout, atlas: textures.Atlas, poses: np.ndarray, size: int
) -> np.ndarray:
    """Draws the frames that an agent sees.

    Args:
      layout: The maze.
      atlas: Its textures, with a style for each value of `layout.room`.
      poses: float [F, 3], (x, y, heading): column and row in cells, radians clockwise
        from east on the map. Every position lies in a free cell.
      size: Pixels a side.

    Returns:
      uint8 [F, size, size, 3].

    Raises:
      ValueError: If a position lies in a wall or outside the maze.
    """
    cells = np.floor(poses[:, 1::-1]).astype(int)
    inside = ((cells >= 0) & (cells < layout.free.shape)).all(-1)
    if not inside.all() or not layout.free[cells[:, 0], cells[:, 1]].all():
        raise ValueError(
            "Every pose must lie in a free cell of the maze. Received positions "
            f"between {poses[:, :2].min(0)} and {poses[:, :2].max(0)}."
        )
    screen = _Screen(size)
    frames = np.empty((len(poses), size, size, 3), np.uint8)
    for i in range(0, len(poses), _CHUNK):
        frames[i : i + _CHUNK] = _draw(layout, atlas, poses[i : i + _CHUNK], screen)
    return frames

"""The map beside a walk: walls, rooms, the path, and where the agent looks."""

from collections.abc import Callable, Iterable

import numpy as np

from kpp_tf.data.mazes.layout import Layout

PIXELS_PER_CELL = 12
_SUPERSAMPLING = 4
_WALL = (40, 40, 48)
_CORRIDOR = (236, 236, 228)
_ROOMS = ((198, 219, 239), (199, 233, 192), (253, 208, 162), (218, 218, 235))
_PATH = (120, 120, 130)
_AGENT = (214, 39, 40)


def draw_map(
    layout: Layout, poses: np.ndarray, arrows: Iterable[int] = (0,)
) -> np.ndarray:
    """Draws a maze from above, north up.

    Args:
      layout: The maze.
      poses: float [F, 3], the walk, drawn as a line.
      arrows: Which poses to draw as an arrow that points along the heading.

    Returns:
      uint8 [rows * PIXELS_PER_CELL, columns * PIXELS_PER_CELL, 3].
    """
    scale = PIXELS_PER_CELL * _SUPERSAMPLING
    palette = np.array([_CORRIDOR, *_ROOMS], np.float32)
    rooms = np.where(layout.room > 0, 1 + (layout.room - 1) % len(_ROOMS), 0)
    cells = np.where(
        layout.free[..., None], palette[rooms], np.array(_WALL, np.float32)
    )
    canvas = cells.repeat(scale, 0).repeat(scale, 1)

    def paint(
        x: float,
        y: float,
        reach: float,
        colour: tuple[int, int, int],
        shape: Callable[[np.ndarray, np.ndarray], np.ndarray],
    ) -> None:
        """Colours the samples within `reach` of (x, y) for which `shape` holds."""
        low = np.maximum(np.floor((np.array([y, x]) - reach) * scale).astype(int), 0)
        high = np.ceil((np.array([y, x]) + reach) * scale).astype(int)
        window = canvas[low[0] : high[0], low[1] : high[1]]
        rows = (low[0] + np.arange(window.shape[0]) + 0.5)[:, None] / scale - y
        columns = (low[1] + np.arange(window.shape[1]) + 0.5) / scale - x
        window[shape(columns, rows)] = colour

    for x, y, _ in poses:
        paint(x, y, 0.1, _PATH, lambda u, v: u * u + v * v < 0.07**2)
    for x, y, heading in poses[list(arrows)]:
        cos, sin = np.cos(heading), np.sin(heading)

        def arrow(
            u: np.ndarray, v: np.ndarray, cos: float = cos, sin: float = sin
        ) -> np.ndarray:
            forward, side = u * cos + v * sin, v * cos - u * sin
            return (forward > -0.3) & (np.abs(side) < 0.5 * (0.45 - forward))

        paint(x, y, 0.6, _AGENT, arrow)
    height, width = (n * PIXELS_PER_CELL for n in layout.free.shape)
    blocks = canvas.reshape(height, _SUPERSAMPLING, width, _SUPERSAMPLING, 3)
    return np.rint(blocks.mean((1, 3))).astype(np.uint8)

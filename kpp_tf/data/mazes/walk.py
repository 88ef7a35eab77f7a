"""A smooth walk through a maze.

The agent goes from its cell to a random one by a shortest path, and on to the next. It
crosses a cell on a straight line, or on a quarter circle of radius half a cell when it
turns, and turns round on the spot in a cell's centre. So its position is smooth and
never nearer to a wall than half a cell. Its gaze follows the path and wanders a little.
Lengths are in cells, headings in radians clockwise from east on the map.
"""

import collections
import itertools

import numpy as np
from numpy.typing import ArrayLike

RADIUS = 0.5
# Cells a frame: a walk of 300 frames covers about 24 cells.
MEAN_SPEED = 0.08
SAMPLES = 64  # of the path in a cell
# Radians that the gaze leaves the path by, and frames over which it is smoothed.
GLANCE = 0.3
SMOOTHING = 3.0

_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))


def shortest_path(
    free: np.ndarray, start: tuple[int, int], goal: tuple[int, int]
) -> list[tuple[int, int]]:
    """Breadth-first search over the four neighbours of a cell.

    Args:
      free: bool [rows, columns]; the border is wall.
      start: (row, column) of a free cell.
      goal: Likewise.

    Returns:
      Cells from `start` to `goal`, both included.

    Raises:
      ValueError: If no path joins them.
    """
    came_from = {goal: goal}
    queue = collections.deque([goal])
    while queue and start not in came_from:
        cell = queue.popleft()
        for step in _STEPS:
            neighbour = (cell[0] + step[0], cell[1] + step[1])
            if free[neighbour] and neighbour not in came_from:
                came_from[neighbour] = cell
                queue.append(neighbour)
    if start not in came_from:
        raise ValueError(f"No path joins the cells. Received: {start} and {goal}.")
    path = [start]
    while path[-1] != goal:
        path.append(came_from[path[-1]])
    return path


def _random_cells(
    free: np.ndarray, length: float, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """A tour of shortest paths to random cells, longer than `length` steps."""
    cells = [(int(r), int(c)) for r, c in np.argwhere(free)]
    if len(cells) < 2:
        raise ValueError(
            f"A walk needs two free cells or more. Received a maze with {len(cells)}."
        )
    tour = [cells[rng.integers(len(cells))]]
    while len(tour) <= length:
        goal = cells[rng.integers(len(cells))]
        tour += shortest_path(free, tour[-1], goal)[1:]
    return tour


def _trace(tour: list[tuple[int, int]]) -> tuple[np.ndarray, ...]:
    """Samples the path: x, y, heading, and the path's length so far.

    A turn on the spot counts as `RADIUS` a radian, as on an arc, so that an agent of
    constant speed always turns at the same rate.
    """
    centres = np.array(tour, np.float64)[:, ::-1] + 0.5
    t = np.arange(SAMPLES) / SAMPLES
    pieces = []
    start = 0.0

    def add(px: ArrayLike, py: ArrayLike, angle: ArrayLike, total: float) -> None:
        nonlocal start
        pieces.append(np.broadcast_arrays(px, py, angle, start + t * total))
        start = pieces[-1][-1][-1] + total / SAMPLES

    before = centres[1] - centres[0]
    angle = np.arctan2(before[1], before[0])
    for here, there in itertools.pairwise(centres[1:]):
        after = there - here
        turn = np.sign(before[0] * after[1] - before[1] * after[0]) * (np.pi / 2)
        entry = here - RADIUS * before
        if turn:
            # Radius RADIUS about the corner that the two edges share.
            corner = here + RADIUS * (after - before)
            phase = t * turn
            spoke = entry - corner
            px = corner[0] + np.cos(phase) * spoke[0] - np.sin(phase) * spoke[1]
            py = corner[1] + np.sin(phase) * spoke[0] + np.cos(phase) * spoke[1]
            add(px, py, angle + phase, RADIUS * np.pi / 2)
            angle += turn
        elif before @ after > 0:
            add(entry[0] + t * before[0], entry[1] + t * before[1], angle, 1.0)
        else:
            ahead = RADIUS * t
            add(entry[0] + ahead * before[0], entry[1] + ahead * before[1], angle, 0.5)
            add(here[0], here[1], angle + t * np.pi, RADIUS * np.pi)
            angle += np.pi
            add(here[0] + ahead * after[0], here[1] + ahead * after[1], angle, 0.5)
        before = after
    return tuple(np.concatenate(v) for v in zip(*pieces, strict=True))


def _smooth(heading: np.ndarray) -> np.ndarray:
    """A moving average with Gaussian weights of `SMOOTHING` frames."""
    reach = int(4 * SMOOTHING)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SMOOTHING) ** 2)
    padded = np.pad(heading, reach, mode="edge")
    return np.convolve(padded, weights / weights.sum(), mode="valid")


def random_walk(free: np.ndarray, frames: int, rng: np.random.Generator) -> np.ndarray:
    """Draws a walk.

    Args:
      free: bool [rows, columns], where the agent can be; connected.
      frames: How many poses.
      rng: Where start, goals, speed and glances come from.

    Returns:
      float32 [frames, 3]: x (columns), y (rows), heading in [-pi, pi).
    """
    time = np.arange(frames)
    phases = rng.uniform(0, 2 * np.pi, 3)
    periods = rng.uniform([50, 60, 23], [90, 100, 37])
    swing, slow, fast = np.sin(2 * np.pi * time[:, None] / periods + phases).T
    speed = MEAN_SPEED * rng.uniform(0.8, 1.2) * (1 + 0.3 * swing)
    travelled = np.cumsum(speed)
    # A quarter circle is shorter than a cell: longer than needed, never too short.
    tour = _random_cells(free, 2 + 2 * travelled[-1], rng)
    x, y, heading, length = _trace(tour)
    x, y, heading = (np.interp(travelled, length, v) for v in (x, y, heading))
    heading = _smooth(heading)
    heading += GLANCE * (0.6 * slow + 0.4 * fast)
    heading = np.mod(heading + np.pi, 2 * np.pi) - np.pi
    return np.stack([x, y, heading], -1).astype(np.float32)

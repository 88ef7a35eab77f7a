import numpy as np
import pytest
from scipy.sparse import csgraph, lil_matrix

from kpp_tf.data.mazes import layout, walk

FRAMES = 300


def _grid(text):
    return np.array([[cell == " " for cell in row] for row in text.split("|")])


# A dead end, a U-turn and a crossing, where a walk must turn round.
SMALL = {
    "corridor": _grid("*****|*   *|*****"),
    "two cells": _grid("****|*  *|****"),
    "cross": _grid("*****|** **|*   *|** **|*****"),
    "room": _grid("*****|*   *|*   *|*   *|*****"),
}


def _distance_to_wall(free, poses):
    """Distance from each position to the nearest wall cell, a unit square."""
    low = np.argwhere(~free)[:, ::-1]
    position = poses[:, None, :2].astype(np.float64)
    nearest = np.clip(position, low, low + 1)
    return np.linalg.norm(position - nearest, axis=-1).min(1)


@pytest.mark.parametrize("seed", range(12))
def test_a_walk_keeps_half_a_cell_from_walls_and_is_smooth(seed):
    free = layout.random_layout(seed).free
    poses = walk.random_walk(free, FRAMES, np.random.default_rng(seed))
    _check(free, poses)
    # It goes somewhere: 300 frames cross a good part of the maze.
    assert len(np.unique(np.floor(poses[:, :2]), axis=0)) >= 8


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("seed", range(5))
def test_walks_where_one_must_turn_round(name, seed):
    poses = walk.random_walk(SMALL[name], FRAMES, np.random.default_rng(seed))
    _check(SMALL[name], poses)


def _check(free, poses):
    assert poses.shape == (FRAMES, 3) and poses.dtype == np.float32
    assert (_distance_to_wall(free, poses) > 0.5 - 1e-4).all()
    moved = np.diff(poses[:, :2].astype(np.float64), axis=0)
    speed = np.linalg.norm(moved, axis=1)
    assert speed.max() < 1.6 * walk.MEAN_SPEED
    turned = np.angle(np.exp(1j * np.diff(poses[:, 2].astype(np.float64))))
    assert np.abs(turned).max() < 0.32  # 18 degrees
    assert np.abs(np.diff(turned)).max() < 0.08  # nor does the gaze jerk
    assert (np.abs(poses[:, 2]) <= np.pi + 1e-6).all()
    # Where the agent moves steadily it looks ahead, but for glances.
    steady = speed > 0.5 * walk.MEAN_SPEED
    ahead = np.arctan2(moved[:, 1], moved[:, 0])
    off = np.abs(np.angle(np.exp(1j * (poses[:-1, 2] - ahead))))[steady]
    assert np.quantile(off, 0.8) < 0.6


def test_shortest_paths_are_as_short_as_scipy_finds():
    free = layout.random_layout(4).free
    cells = [tuple(int(i) for i in cell) for cell in np.argwhere(free)]
    number = {cell: i for i, cell in enumerate(cells)}
    graph = lil_matrix((len(cells), len(cells)))
    for (row, column), i in number.items():
        for neighbour in ((row + 1, column), (row, column + 1)):
            if neighbour in number:
                graph[i, number[neighbour]] = 1
    lengths = csgraph.shortest_path(graph.tocsr(), directed=False)
    for start in cells[::5]:
        for goal in cells[::3]:
            path = walk.shortest_path(free, start, goal)
            assert path[0] == start and path[-1] == goal
            steps = np.abs(np.diff(path, axis=0)).sum(1) if len(path) > 1 else []
            assert all(step == 1 for step in steps) and all(free[c] for c in path)
            assert len(path) - 1 == lengths[number[start], number[goal]]


def test_no_path():
    free = _grid("*****|* * *|*****")
    with pytest.raises(ValueError, match=r"\(1, 1\) and \(1, 3\)"):
        walk.shortest_path(free, (1, 1), (1, 3))


def test_one_cell_is_too_few():
    with pytest.raises(ValueError, match="maze with 1"):
        walk.random_walk(_grid("***|* *|***"), FRAMES, np.random.default_rng(0))

import sys

import numpy as np
import pytest
from scipy import ndimage

from kpp_tf.data.mazes import episode, layout
from kpp_tf.errors import UserError


@pytest.mark.parametrize("seed", range(20))
def test_random_layouts_are_connected(seed):
    maze = layout.random_layout(seed)
    _, parts = ndimage.label(maze.free)
    assert parts == 1
    assert maze.free.sum() > 30
    border = [maze.free[0], maze.free[-1], maze.free[:, 0], maze.free[:, -1]]
    assert not np.any(border)
    assert not maze.room[~maze.free].any()
    for number in range(1, maze.room.max() + 1):
        cells = np.argwhere(maze.room == number)
        assert len(cells) == 9 and np.array_equal(np.ptp(cells, axis=0), [2, 2])
    # Rooms are numbered without gaps: their numbers index textures.
    assert set(np.unique(maze.room)) == set(range(maze.room.max() + 1))


def test_same_seed_same_layout_and_others_differ():
    mazes = [layout.random_layout(seed).free.tobytes() for seed in range(100)]
    assert mazes == [layout.random_layout(seed).free.tobytes() for seed in range(100)]
    assert len(set(mazes)) == 100


def test_splits_never_share_a_seed():
    # Seeds of the data set near and far beyond where the modulus wraps.
    for seed in (0, 1, 715, 716, 10**6, 2**40 + 1):
        seeds = {
            split: {episode.maze_seed(seed, split, i) for i in range(2000)}
            for split in episode.SPLITS
        }
        assert all(len(s) == 2000 for s in seeds.values())
        assert len(set.union(*seeds.values())) == 6000
        assert all(0 <= s < 2**31 for s in set.union(*seeds.values()))
    # Nor do splits of data sets of different seeds.
    train = {episode.maze_seed(3, "train", i) % 3 for i in range(99)}
    test = {episode.maze_seed(2**35, "test", i) % 3 for i in range(99)}
    assert not train & test


def test_unknown_split():
    with pytest.raises(ValueError, match="'dev'"):
        episode.maze_seed(0, "dev", 0)


def test_missing_labmaze_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "labmaze", None)
    with pytest.raises(UserError, match=r"kpp_tf\[mazes\]"):
        layout.random_layout(0)

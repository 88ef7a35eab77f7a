"""One example of the mazes data set, as a function of its seed."""

from typing import NamedTuple

import numpy as np

from kpp_tf.data.mazes import layout as layout_lib
from kpp_tf.data.mazes import raycaster, textures, walk

FRAMES = 300
SPLITS = ("train", "validation", "test")
# labmaze seeds are below 2**31. This one is a multiple of the number of splits, so
# that a seed's remainder, and with it its split, survives the wrap.
_SEEDS = 2**31 - 2
_STRIDE = 1_000_003 * len(SPLITS)


class Episode(NamedTuple):
    """A walk of `FRAMES` steps.

    Attributes:
      frames: uint8 [FRAMES, size, size, 3].
      poses: float32 [FRAMES, 3], x and y in cells, heading in radians clockwise from
        east on the map.
    """

    frames: np.ndarray
    poses: np.ndarray


def maze_seed(seed: int, split: str, index: int) -> int:
    """The seed of one maze. Mazes of different splits never share one.

    Args:
      seed: Of the data set.
      split: One of `SPLITS`.
      index: Of the episode in its split.

    Returns:
      A seed below 2**31 - 2 whose remainder by 3 is the split's number.

    Raises:
      ValueError: If there is no such split.
    """
    if split not in SPLITS:
        raise ValueError(f"`split` must be one of {SPLITS}. Received: {split!r}")
    residue = SPLITS.index(split)
    return (seed * _STRIDE + index * len(SPLITS) + residue) % _SEEDS


def make_episode(seed: int, size: int, frames: int = FRAMES) -> Episode:
    """Draws a maze, its textures, a walk through it, and what is seen on the way.

    Args:
      seed: From `maze_seed`. The same seed gives the same bytes; another size shows
        the same walk.
      size: Pixels a side of a frame.
      frames: Length of the walk.

    Returns:
      The `Episode`.
    """
    layout = layout_lib.random_layout(seed)
    looks, steps = (np.random.default_rng([seed, i]) for i in range(2))
    atlas = textures.random_atlas(int(layout.room.max()) + 1, looks)
    poses = walk.random_walk(layout.free, frames, steps)
    return Episode(
        frames=raycaster.render(layout, atlas, poses, size),
        poses=poses,
    )

"""A picture of walks through mazes, to look at."""

import numpy as np

from kpp_tf.data.mazes import episode as episode_lib
from kpp_tf.data.mazes import layout, topdown

ROWS, COLUMNS = 4, 8


def preview(seed: int, size: int) -> np.ndarray:
    """Draws walks, a row each: frames in order of time, then the map.

    Args:
      seed: Of the data set.
      size: Pixels a side of a frame; shown at twice that and more.

    Returns:
      uint8 [height, width, 3].
    """
    side = layout.CELLS * topdown.PIXELS_PER_CELL
    zoom = side // size
    shown = np.linspace(0, episode_lib.FRAMES - 1, COLUMNS).astype(int)
    rows = []
    for index in range(ROWS):
        maze_seed = episode_lib.maze_seed(seed, "train", index)
        walk = episode_lib.make_episode(maze_seed, size)
        frames = walk.frames[shown].repeat(zoom, 1).repeat(zoom, 2)
        margin = side + 4 - frames.shape[1]
        frames = np.pad(frames, ((0, 0), (0, margin), (0, 4), (0, 0)))
        maze = layout.random_layout(maze_seed)
        map_ = np.pad(
            topdown.draw_map(maze, walk.poses, shown), ((0, 4), (0, 0), (0, 0))
        )
        rows.append(np.concatenate([*frames, map_], 1))
    return np.concatenate(rows)

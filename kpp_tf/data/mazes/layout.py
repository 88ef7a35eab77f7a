"""Maze layouts from DeepMind Lab's own generator."""

import types
from typing import NamedTuple

import numpy as np

from kpp_tf.errors import require

# 13 x 13 cells hold about four rooms and the corridors between them; smaller grids
# repeat themselves (11 x 11 draws the same layout twice in some 300 seeds).
CELLS = 13
ROOMS = 4


class Layout(NamedTuple):
    """A maze as a grid of unit cells; row 0 is at the top of the map.

    Attributes:
      free: bool [rows, columns], where an agent can stand. The border is wall.
      room: int32 [rows, columns], 0 in corridors and walls, 1 and up in rooms.
    """

    free: np.ndarray
    room: np.ndarray


def import_labmaze() -> types.ModuleType:
    """Imports `labmaze` when it is first needed.

    Returns:
      The module, with `labmaze.assets` loaded.

    Raises:
      UserError: If it is not installed; says which extra brings it.
    """
    require("labmaze", "mazes", "for the layouts and textures of mazes")
    import labmaze
    import labmaze.assets

    return labmaze


def random_layout(seed: int) -> Layout:
    """Draws one maze of `CELLS` x `CELLS` cells.

    Args:
      seed: In [0, 2**31). The same seed gives the same maze.

    Returns:
      The `Layout`; all its free cells are connected.
    """
    maze = import_labmaze().RandomMaze(
        height=CELLS,
        width=CELLS,
        max_rooms=ROOMS,
        room_min_size=3,
        room_max_size=3,
        extra_connection_probability=0.1,
        spawns_per_room=0,
        objects_per_room=0,
        random_seed=seed,
    )
    # One character a cell: `*` for a wall; a letter for each room, `.` elsewhere.
    free, letters = np.array(maze.entity_layer) != "*", np.array(maze.variations_layer)
    room = letters.view(np.int32) - (ord("A") - 1)
    return Layout(free, np.where(free & (letters != "."), room, 0).astype(np.int32))

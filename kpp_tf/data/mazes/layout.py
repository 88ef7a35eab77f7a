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


def parse_layout(entities: str, variations: str) -> Layout:
    """Reads the two text layers that the generator writes.

    Args:
      entities: One character a cell, lines of equal length, `*` for a wall.
      variations: The same shape, a letter for each room and `.` elsewhere.

    Returns:
      The `Layout`.

    Raises:
      ValueError: If the lines differ in length or the border is not all wall.
    """
    rows = entities.strip("\n").split("\n")
    if len({len(row) for row in rows}) != 1:
        raise ValueError(
            "A maze must be lines of equal length with `*` for walls. "
            f"Received: {entities!r}"
        )
    free = np.array([[cell != "*" for cell in row] for row in rows])
    letters = variations.strip("\n").split("\n")
    room = np.array(
        [[0 if c == "." else ord(c) - ord("A") + 1 for c in row] for row in letters],
        np.int32,
    )
    if room.shape != free.shape:
        raise ValueError(
            "Both layers of a maze must have one shape. Received: "
            f"{free.shape} and {room.shape}."
        )
    border = np.concatenate([free[0], free[-1], free[:, 0], free[:, -1]])
    if border.any():
        raise ValueError(f"A maze's border must be wall. Received: {entities!r}")
    return Layout(free, np.where(free, room, 0).astype(np.int32))


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
    return parse_layout(str(maze.entity_layer), str(maze.variations_layer))

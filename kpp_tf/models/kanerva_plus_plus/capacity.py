"""Episodes of more images than a memory holds: a warning, and the size to take."""

import math
from typing import Any


def side_for(model: Any, count: int) -> int:
    """S of the smallest memory that holds `count` images: a multiple of P."""
    blocks = math.ceil(math.sqrt(count * model.blocks_per_frame))
    return blocks * model.block_size


def warning(model: Any, length: int, setting: str = "--memory_size") -> str | None:
    """A warning of episodes that the memory cannot hold; None if it can.

    Args:
      model: any; only K++ has a `capacity`.
      length: T.
      setting: the name of the setting of the memory's size.
    """
    capacity = getattr(model, "capacity", None)
    if capacity is None or length <= capacity:
        return None
    return (
        f"WARNING: {length} images do not fit a memory of {capacity}: the later ones "
        f"overwrite others. {setting}={side_for(model, length)} holds them all."
    )

"""How many images a memory of blocks holds, and what to say of more."""

import math
from typing import Any


def side_for(model: Any, count: int) -> int:
    """S of the smallest memory of K++ that holds `count` images: a multiple of P."""
    blocks = math.ceil(math.sqrt(count * model.blocks_per_frame))
    return blocks * model.block_size


def warning(model: Any, length: int, setting: str = "--memory_size") -> str | None:
    """What to do about episodes of more images than the memory holds; None if it fits.

    Args:
      model: whatever writes; K++ has a `capacity`.
      length: T.
      setting: that gives the memory another size.
    """
    capacity = getattr(model, "capacity", None)
    if capacity is None or length <= capacity:
        return None
    return (
        f"WARNING: {length} images do not fit a memory of {capacity}: the later ones "
        f"take the place of others. {setting}={side_for(model, length)} holds them all."
    )

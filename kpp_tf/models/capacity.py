"""What to say of episodes that a memory cannot hold."""

import math
from typing import Any


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
    blocks = math.ceil(math.sqrt(length * model.blocks_per_frame))
    return (
        f"WARNING: {length} images do not fit a memory of {capacity}: the later ones "
        f"take the place of others. {setting}={blocks * model.block_size} holds them "
        "all."
    )

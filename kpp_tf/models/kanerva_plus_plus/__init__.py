"""Kanerva++: the model and its parts, one file a part of an image's way.

`block_model.py` writes a `memory.py` by the layers of `kpp_tf.layers.block_memory`;
`generator.py` makes images of it; `model.py` adds up the bound. `windows.py` and
`keys.py` choose keys, `readable.py` holds what a frame may read, `mixture.py` sums over
several keys, and `latents.py` holds p(Z|M-hat) and q(Z|X, M-hat).
"""

from kpp_tf.models.kanerva_plus_plus.memory import Memory
from kpp_tf.models.kanerva_plus_plus.model import KanervaPlusPlus

__all__ = ["KanervaPlusPlus", "Memory"]

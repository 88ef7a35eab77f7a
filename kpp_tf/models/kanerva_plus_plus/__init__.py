"""Kanerva++: the model and its parts, one file a part of an image's way.

`model.py` puts together: the layers of `kpp_tf.layers.block_memory` write a `memory.py`
and read it; `windows.py` and `keys.py` choose keys; `latents.py` holds p(Z|M-hat) and
q(Z|X, M-hat).
"""

from kpp_tf.models.kanerva_plus_plus.memory import Memory
from kpp_tf.models.kanerva_plus_plus.model import KanervaPlusPlus

__all__ = ["KanervaPlusPlus", "Memory"]

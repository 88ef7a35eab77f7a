"""Kanerva++: the model and its parts, one file a part of an image's way.

`model.py` puts together: `writer.py` (with `places.py` and `allocator.py`) writes a
`memory.py`; `windows.py` and `keys.py` choose keys; `reader.py` reads; `latents.py`
holds p(Z|M-hat) and q(Z|X, M-hat).
"""

from kpp_tf.models.kanerva_plus_plus.memory import Memory
from kpp_tf.models.kanerva_plus_plus.model import KanervaPlusPlus

__all__ = ["KanervaPlusPlus", "Memory"]

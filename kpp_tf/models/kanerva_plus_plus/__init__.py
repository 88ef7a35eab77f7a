"""Kanerva++: `model.py` opens with the derivation and holds the public methods.

| file | holds |
| --- | --- |
| `model.py` | the model |
| `episode_writer.py`, `memory.py` | how a memory is written; the memory and its file |
| `views.py` | what a frame may read: the memory, or what was written before it |
| `windows.py`, `regions.py`, `keys.py` | where frames look; how keys are drawn there |
| `latents.py`, `latent_layers.py` | how latents are drawn; the networks |
| `bound.py`, `mixture.py` | the bound at keys, in regions, and over several regions |
| `capacity.py` | the warning of a memory that is too small |
| `options/` | what the core reads without |
"""

from kpp_tf.models.kanerva_plus_plus.memory import Memory
from kpp_tf.models.kanerva_plus_plus.model import KanervaPlusPlus

__all__ = ["KanervaPlusPlus", "Memory"]

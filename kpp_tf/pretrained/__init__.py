"""Models that ship with the package, and presets like them from anywhere else.

A preset is a folder of four files, as Keras' hubs have them: README.md is its card,
config.json that of the run, metadata.json says what made it, and model.weights.h5 holds
the weights in half precision, in Keras' own layout. None of them holds code.

`places.py` finds a preset, `preset.py` writes and reads one, `weights.py` its weights,
`card.py` its card.
"""

from kpp_tf.pretrained.places import FOLDER, find, names
from kpp_tf.pretrained.preset import METADATA, restore_weights, save, write_card

__all__ = [
    "FOLDER",
    "METADATA",
    "find",
    "names",
    "restore_weights",
    "save",
    "write_card",
]

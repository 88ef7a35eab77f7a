"""Models that ship with the package, and presets like them from anywhere else.

A preset is a folder of files, as Keras' hubs have them: README.md is its card,
config.json the config of its run, metadata.json what made it, model.weights.h5 the
weights in half precision, in Keras' own layout, and examples.npz, which may be missing,
a few images to try it on. None of them holds code.

`places.py` finds a preset, `preset.py` writes and reads one, `weights.py` its weights,
`card.py` its card.
"""

from kpp_tf.pretrained.places import FOLDER, METADATA, examples, find, names
from kpp_tf.pretrained.preset import restore_weights, save, write_card

__all__ = [
    "FOLDER",
    "METADATA",
    "examples",
    "find",
    "names",
    "restore_weights",
    "save",
    "write_card",
]

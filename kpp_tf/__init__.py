"""Kanerva++ (ICLR 2021): episodic memory for image generation, in Keras 3."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kpp_tf.version import __version__

if TYPE_CHECKING:
    from kpp_tf.models import MemoryModel

__all__ = ["__version__", "from_preset"]

# Before Keras is imported, which would take another backend from ~/.keras/keras.json.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

if "keras" in sys.modules:
    # Keras finds the classes that a saved file names once they have been imported.
    # Where Keras is not there yet, this package is quick to import: a program answers
    # `--help` without TensorFlow's seconds.
    import kpp_tf.models  # noqa: F401


def from_preset(source: str | Path) -> MemoryModel:
    """Loads a model; nothing in its files is run.

    Args:
      source: name of one that ships with the package, such as "binarized_mnist"; else
        a folder that `model.save_to_preset` wrote; or "hf://user/name", with
        "@revision" if wanted.

    Raises:
      UserError: if there is none, or it is damaged.
    """
    from kpp_tf.models import load_preset

    return load_preset(source)[0]

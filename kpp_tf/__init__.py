"""Kanerva++ (ICLR 2021): episodic memory for image generation, in Keras 3."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kpp_tf.errors import UserError
from kpp_tf.version import __version__

if TYPE_CHECKING:
    import numpy as np

    from kpp_tf.models import MemoryModel

__all__ = ["__version__", "example_images", "from_preset", "presets"]

# Before Keras is imported, which would take another backend from ~/.keras/keras.json.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def _is_program_starting() -> bool:
    """Whether the main program is one whose absl flags are not parsed yet."""
    flags = sys.modules.get("absl.flags")
    if flags is None:
        return False
    is_used = vars(sys.modules["__main__"]).get("flags") is flags
    return is_used and not flags.FLAGS.is_parsed()


# Keras finds the classes that a saved file names once they have been imported. A
# program is spared TensorFlow's seconds until it has read its flags: it answers --help,
# and refuses what is wrong, at once.
if "keras" in sys.modules or not _is_program_starting():
    if os.environ["KERAS_BACKEND"] != "tensorflow" and "keras" not in sys.modules:
        raise UserError(
            "kpp_tf needs the environment's KERAS_BACKEND to be 'tensorflow', or not "
            f"to be set. Received: {os.environ['KERAS_BACKEND']!r}"
        )
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


def presets() -> list[str]:
    """Names of the presets that ship with the package, for `from_preset`."""
    from kpp_tf import pretrained

    return pretrained.names()


def example_images(source: str | Path) -> np.ndarray:
    """A preset's example images, to try it on: float32 [N, H, W, C] in [0, 1].

    Args:
      source: see `from_preset`. The preset's card says where the images are from.

    Raises:
      UserError: if there is no such preset, or it has no example images.
    """
    import numpy as np

    from kpp_tf import pretrained

    path = pretrained.examples(source)
    if path is None:
        raise UserError(f"the preset has no example images. Received: {str(source)!r}")
    with np.load(path, allow_pickle=False) as file:
        return file["images"] / np.float32(255)

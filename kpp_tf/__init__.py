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


# Keras finds the classes of a saved file once they are imported. A program imports
# them after it has read its flags, so that --help and bad flags take no seconds.
if "keras" in sys.modules or not _is_program_starting():
    if os.environ["KERAS_BACKEND"] != "tensorflow" and "keras" not in sys.modules:
        raise UserError(
            "kpp_tf needs the environment's KERAS_BACKEND to be 'tensorflow', or "
            f"unset. Received: {os.environ['KERAS_BACKEND']!r}"
        )
    import kpp_tf.models  # noqa: F401


def from_preset(source: str | Path) -> MemoryModel:
    """Loads a model; nothing in its files is run.

    Args:
      source: the name of a shipped model, such as "binarized_mnist"; a folder that
        `model.save_to_preset` wrote; or "hf://user/name", perhaps with "@revision".

    Raises:
      UserError: if the model is missing or damaged.
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

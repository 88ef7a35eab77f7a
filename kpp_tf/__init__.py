"""Kanerva++ (ICLR 2021): episodic memory for image generation, in Keras 3."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kpp_tf.errors import UserError
from kpp_tf.version import __version__

if TYPE_CHECKING:
    from kpp_tf.models import MemoryModel

__all__ = ["__version__", "from_preset"]

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

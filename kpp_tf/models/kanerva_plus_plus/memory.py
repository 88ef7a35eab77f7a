"""The memory of Kanerva++, and its file format."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
import tensorflow as tf

from kpp_tf import files
from kpp_tf.errors import UserError

# What numpy raises for damaged or foreign .npz files.
UNREADABLE = (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile)


class Memory(NamedTuple):
    """B memories. Deterministic: a memory is no distribution and has no KL.

    Attributes:
      cells: M, float32 [B, S, S, D]; 0 where nothing is written.
      coverage: float32 [B, S, S] in [0, 1]: how much of a cell is written. Writing
        sets 1; a read weighs by it, so that a cell can be erased in part.
      carry: float32 [B, C], what the encoder's causal shifts hand on to the next frame.
        Only writing reads it.
    """

    cells: tf.Tensor
    coverage: tf.Tensor
    carry: tf.Tensor

    def __repr__(self) -> str:
        """One line: how many memories, their size, and how much is written."""
        if not isinstance(self.coverage, (np.ndarray, tf.Tensor)):
            return f"Memory{tuple(self)}"  # of shapes or specs, say
        size = " x ".join(map(str, tuple(self.cells.shape)))
        line = f"Memory of cells {size}"
        if hasattr(self.coverage, "numpy"):
            line += f", {float(np.mean(self.coverage)):.0%} written"
        return line

    def save(self, path: str | Path) -> None:
        """Writes the memory as arrays of an .npz file, without any code."""
        with files.replacing(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, cells=self.cells, coverage=self.coverage, carry=self.carry)

    @classmethod
    def load(cls, path: str | Path) -> Memory:
        """Reads what `save` wrote.

        Raises:
          UserError: if the file is missing, damaged or holds something else.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                return cls(
                    *(tf.constant(stored[name], tf.float32) for name in cls._fields)
                )
        except UNREADABLE as error:
            raise UserError(
                f"a memory is an .npz file of {', '.join(cls._fields)}, as Memory.save "
                f"writes it. Received: {path}: {error}"
            ) from error

"""The memory of Kanerva++: what is written, where, and how an episode goes on."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
import tensorflow as tf

from kpp_tf import files, noise
from kpp_tf.errors import UserError

# What numpy raises at files that are no whole .npz.
UNREADABLE = (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile)


class Memory(NamedTuple):
    """B memories. Deterministic: a memory is no distribution and has no KL.

    Attributes:
      cells: M, float32 [B, S, S, D]; 0 where nothing is written.
      coverage: float32 [B, S, S] in [0, 1]: how much of a cell is written. 1 and 0 as
        it is written; a read weighs by it, so that a cell can be blotted out.
      carry: float32 [B, C], what the encoder's causal shifts hand on to the next frame.
        Only writing reads it.
    """

    cells: tf.Tensor
    coverage: tf.Tensor
    carry: tf.Tensor

    def roughened(self, share: float, seeds: tf.Tensor) -> Memory:
        """With even noise on what is written, as storing it in fewer bits leaves.

        Args:
          share: width of the noise, of the largest number of each channel: 1/127 is how
            far 8 bits move a number at most, to either side by half of it.
          seeds: int32 [B, 2].
        """
        largest = tf.reduce_max(tf.abs(self.cells), axis=[1, 2], keepdims=True)
        shape = tuple(tf.unstack(tf.shape(self.cells)[1:]))
        drawn = noise.uniform(seeds, shape, noise.Stream.MEMORY) - 0.5
        drawn *= self.coverage[..., tf.newaxis]
        return self._replace(cells=self.cells + share * largest * drawn)

    def save(self, path: str | Path) -> None:
        """Writes the memory as arrays of an .npz file, without any code."""
        with files.replacing(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, cells=self.cells, coverage=self.coverage, carry=self.carry)

    @classmethod
    def load(cls, path: str | Path) -> Memory:
        """Reads what `save` wrote.

        Raises:
          UserError: if the file is missing, damaged or not that of a memory.
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

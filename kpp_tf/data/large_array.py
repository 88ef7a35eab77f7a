"""Arrays of images that may not fit into memory."""

import math
import tempfile

import numpy as np

# Above this many bytes an array lives in a file, of which the system keeps in memory
# what fits.
MEMORY_LIMIT = 2**30


def empty(shape: tuple[int, ...]) -> np.ndarray:
    """An uninitialised uint8 array, in memory or, from `MEMORY_LIMIT` up, in a file.

    The file is temporary and has no name: it lies in TMPDIR, needs as much space as
    the array, and is gone when the array is.

    Args:
      shape: Of the array.

    Returns:
      uint8 [*shape]: `np.ndarray`, or the `np.memmap` kind of it.
    """
    if math.prod(shape) < MEMORY_LIMIT:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile(prefix="kpp_tf_") as file:
        return np.memmap(file, np.uint8, "w+", shape=shape)

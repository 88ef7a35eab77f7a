"""Decoded images of large splits, kept in files that are memory-mapped."""

from __future__ import annotations

import hashlib
import os
import pathlib
import re
from collections.abc import Callable

import numpy as np

from kpp_tf import files
from kpp_tf.errors import UserError


def memory_mapped(
    folder: pathlib.Path,
    name: str,
    version: str,
    shape: tuple[int, ...],
    fill: Callable[[np.ndarray], None],
) -> np.memmap:
    """The array `fill` writes, from its file if it was written before.

    A file is written under a temporary name and renamed when complete, so one that is
    there is whole.

    Args:
      folder: where the file goes, unless the environment's KPP_CACHE_DIR names a
        folder for all caches.
      name: of the split, for people: "celeb_a_64_train".
      version: whatever the contents depend on; a change makes another file.
      shape: of the array.
      fill: writes the images into a uint8 array of that shape.

    Returns:
      uint8 [*shape], read-only.

    Raises:
      UserError: if the folder cannot be written; says what to set.
    """
    folder = pathlib.Path(os.environ.get("KPP_CACHE_DIR") or folder).expanduser()
    key = hashlib.sha256(f"{version} {shape}".encode()).hexdigest()[:16]
    path = folder / f"{re.sub('[^A-Za-z0-9_]+', '-', name)}-{key}.npy"
    if not path.exists():
        try:
            with files.replacing(path) as temporary:
                array = np.lib.format.open_memmap(temporary, "w+", np.uint8, shape)
                fill(array)
                array.flush()
        except OSError as error:
            raise UserError(
                f"The decoded images of {name} cannot be kept in {folder} ({error}). "
                "Set the environment's KPP_CACHE_DIR to a folder that can be written, "
                f"with {np.prod(shape, dtype=np.int64) / 2**30:.1f} GiB to spare."
            ) from error
    return np.load(path, mmap_mode="r", allow_pickle=False)

"""Decoded images of large splits, kept in files that are memory-mapped."""

import hashlib
import os
import pathlib
import re
from collections.abc import Callable, Iterable

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

    Args:
      folder: of the data; the file goes into `kpp_tf_cache` in it, unless the
        environment's KPP_CACHE_DIR names a folder for all caches.
      name: of the split, for people: "celeb_a_64_train".
      version: whatever the contents depend on; a change makes another file.
      shape: of the array.
      fill: writes the images into a uint8 array of that shape.

    Returns:
      uint8 [*shape], read-only.

    Raises:
      UserError: if the folder cannot be written; says what to set.
    """
    chosen = os.environ.get("KPP_CACHE_DIR") or folder / "kpp_tf_cache"
    key = hashlib.sha256(f"{version} {shape}".encode()).hexdigest()[:16]
    file_name = f"{re.sub('[^A-Za-z0-9_]+', '-', name)}-{key}.npy"
    path = pathlib.Path(chosen).expanduser() / file_name
    if not path.exists():
        try:
            with files.replacing(path) as temporary:
                array = np.lib.format.open_memmap(temporary, "w+", np.uint8, shape)
                fill(array)
                array.flush()
        except OSError as error:
            raise UserError(
                f"The decoded images of {name} cannot be kept in {path.parent}. "
                "Set the environment's KPP_CACHE_DIR to a folder that can be written, "
                f"with {np.prod(shape, dtype=np.int64) / 2**30:.1f} GiB to spare. "
                f"Received: {error}"
            ) from error
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if (array.shape, array.dtype) != (shape, np.uint8):
            raise ValueError(f"it holds {array.dtype} {array.shape}")
    except (ValueError, EOFError) as error:
        raise UserError(
            f"the file is damaged: {error}. Remove it, and it is made again. "
            f"Received: {path}"
        ) from error
    return array


def version_of(paths: Iterable[pathlib.Path]) -> str:
    """What tells these files from others, and from what they were before a change."""
    stats = [(path.name, path.stat()) for path in paths]
    return str([(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats])

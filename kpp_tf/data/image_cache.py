"""Decoded images of large splits, kept in files that are memory-mapped."""

import hashlib
import os
import pathlib
import re
from collections.abc import Callable, Iterable

import numpy as np
from absl import logging

from kpp_tf import files
from kpp_tf.errors import UserError

FOLDER = "kpp_tf_cache"


def memory_mapped(
    folder: pathlib.Path,
    name: str,
    version: str,
    shape: tuple[int, ...],
    portions: Callable[[], Iterable[np.ndarray]],
) -> np.memmap:
    """Images from their file, which is written first if it does not exist.

    Args:
      folder: of the data. The file goes into its subfolder `FOLDER`, or into the one
        folder for all caches that the environment's KPP_CACHE_DIR names.
      name: of the split, for people: "mazes_64_train".
      version: whatever the contents depend on; another version is another file.
      shape: of all images together, (N, ...).
      portions: yields the images in order, uint8 [n, ...]. Only one portion at a time
        is in memory.

    Returns:
      uint8 [*shape], read-only.

    Raises:
      UserError: if the folder cannot be written, or the file is damaged; the message
        says what to do.
    """
    chosen = os.environ.get("KPP_CACHE_DIR") or folder / FOLDER
    key = hashlib.sha256(f"{version} {shape}".encode()).hexdigest()[:16]
    file_name = f"{re.sub('[^A-Za-z0-9_]+', '-', name)}-{key}.npy"
    path = pathlib.Path(chosen).expanduser() / file_name
    if not path.exists():
        logging.info("Decoding %d images of %s, once, into %s", shape[0], name, path)
        try:
            _write(path, shape, portions())
        except OSError as error:
            raise UserError(
                f"The decoded images of {name} cannot be written to {path.parent}. "
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


def _write(
    path: pathlib.Path, shape: tuple[int, ...], portions: Iterable[np.ndarray]
) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with files.replacing(path) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for portion in portions:
            np.asarray(portion, np.uint8).tofile(file)

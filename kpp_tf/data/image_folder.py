"""A folder of PNG and JPEG files, with or without folders of splits and classes.

Keras's and TFDS's readers of such folders stop at the first damaged file without its
name, so the files are listed here, and decoded by `tf.data`.
"""

import functools
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import logging

from kpp_tf.data import fitting
from kpp_tf.data.collection import Collection, split_of
from kpp_tf.errors import UserError, reason

SUFFIXES = (".png", ".jpg", ".jpeg")
_SHOWN = 5  # names in a message


def read(folder: Path, image_shape: tuple[int, int, int], damaged: str) -> Collection:
    """Decodes all images under a folder; see `Collection`.

    A class is named by the folders that its images lie in. If all folders at the top
    have names of splits ("train", "val", ...), they are the splits. Hidden files, files
    of other kinds and links to folders are passed over.

    Args:
      folder: where to look.
      image_shape: what every image is cropped, resized and made grey or colour to.
      damaged: "skip" or "stop": what to do about a file that cannot be decoded, or is a
        link to outside of the folder.

    Raises:
      UserError: if there are no images, or at the first damaged file with "stop".
    """
    folder = folder.resolve()
    files = tuple(_files(folder))
    if not files:
        raise UserError(
            f"There are no {', '.join(SUFFIXES)} files in the folder. "
            f"Received: {str(folder)!r}"
        )
    images, names = _decoded(folder, files, image_shape, damaged)
    tops = {name.split("/")[0] if "/" in name else "" for name in names}
    splits = [""] * len(names)
    places = [name.rpartition("/")[0] for name in names]
    if all(map(split_of, tops)):
        splits = [split_of(place.split("/")[0]) for place in places]
        places = [place.partition("/")[2] for place in places]
    return Collection(images, names, places if any(places) else (), splits)


def _files(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Path relative to the folder, size and time of change of every image file."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                path = Path(place, name)
                status = path.lstat()
                relative = path.relative_to(folder).as_posix()
                yield relative, status.st_size, status.st_mtime_ns


# One collection stays, so that the splits of a run are decoded once.
@functools.lru_cache(maxsize=1)
def _decoded(folder, files, image_shape, damaged) -> tuple[np.ndarray, list[str]]:
    """Images and names of the files that can be decoded."""
    names = [name for name, *_ in files]
    reasons = {name: why for name in names if (why := _no_file(folder, name))}
    paths = [os.fsencode(folder / name) for name in names if name not in reasons]
    rows = [row for row, name in enumerate(names) if name not in reasons]

    def decode(row, path):
        image = _decode(path)
        return row, fitting.fit(image, image_shape), tf.shape(image)

    images = np.empty((len(names), *image_shape), np.uint8)
    kept, enlarged = [], 0
    if rows:
        decoded = tf.data.Dataset.from_tensor_slices((rows, paths))
        decoded = decoded.map(decode, num_parallel_calls=tf.data.AUTOTUNE)
        decoded = decoded.ignore_errors().prefetch(tf.data.AUTOTUNE)
        for row, image, (height, width, _) in decoded.as_numpy_iterator():
            images[row] = image
            kept.append(int(row))
            enlarged += fitting.is_enlarged(height, width, image_shape)
    # What came back without an image is decoded again, to hear why.
    for row in sorted(set(rows) - set(kept)):
        reasons[names[row]] = _reason(folder / names[row])
    bad = [f"{name!r} ({reasons[name]})" for name in names if name in reasons]
    if bad and damaged == "stop":
        raise UserError(
            f"An image of {str(folder)!r} cannot be read. Remove it, or pass over such "
            f"files with config.data.damaged='skip'. Received: {bad[0]}"
        )
    if bad:
        logging.warning(
            "%s: skipped %d of %d files, which cannot be read: %s",
            folder,
            len(bad),
            len(names),
            ", ".join(bad[:_SHOWN]) + (", ..." if len(bad) > _SHOWN else ""),
        )
    if not kept:
        raise UserError(f"No image of {str(folder)!r} can be read. Received: {bad[0]}")
    fitting.warn_of_enlarged(folder, enlarged, len(kept), image_shape)
    return images[kept] if bad else images, [names[row] for row in kept]


def _no_file(folder: Path, name: str) -> str:
    """Why a path is not to be opened; "" if it is."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        return "it links to outside of the folder"
    return "" if path.is_file() else "it is no file"


def _decode(path: tf.Tensor) -> tf.Tensor:
    """uint8 [H, W, 3] of a file of any kind; alpha is dropped, grey becomes colour."""
    image = tf.io.decode_image(tf.io.read_file(path), 3, expand_animations=False)
    return tf.ensure_shape(image, (None, None, 3))


def _reason(path: Path) -> str:
    try:
        _decode(os.fsencode(path))
    except tf.errors.OpError as error:
        return reason(error)
    return "it cannot be cropped or resized"

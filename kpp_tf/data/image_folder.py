"""A folder of PNG and JPEG files, with or without folders of splits and classes.

Keras's and TFDS's readers of such folders stop at the first damaged file without its
name, so files are decoded one by one here, by TensorFlow.
"""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import logging

from kpp_tf.data import fitting
from kpp_tf.data.collection import Collection, split_of
from kpp_tf.errors import UserError

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

    def decode(name):
        try:
            image = _read(folder, name, image_shape[-1])
        except (OSError, tf.errors.OpError, ValueError) as error:
            return None, str(error).splitlines()[0]
        small = fitting.is_enlarged(*image.shape[:2], image_shape)
        return fitting.fit(image, image_shape).numpy(), small

    names = [name for name, *_ in files]
    images = np.empty((len(names), *image_shape), np.uint8)
    kept, bad, enlarged = [], [], 0
    with futures.ThreadPoolExecutor() as pool:
        for name, (image, note) in zip(names, pool.map(decode, names), strict=True):
            if image is None:
                bad.append(f"{name!r} ({note})")
                if damaged == "stop":
                    pool.shutdown(cancel_futures=True)
                    raise UserError(
                        f"An image of {str(folder)!r} cannot be read. Remove it, or "
                        f"pass over such files with config.data.damaged='skip'. "
                        f"Received: {bad[0]}"
                    )
                continue
            images[len(kept)] = image
            kept.append(name)
            enlarged += note
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
    if enlarged:
        logging.warning(
            "%s: %d of %d images have fewer pixels than config.data.image_shape=%s and "
            "are enlarged",
            folder,
            enlarged,
            len(kept),
            image_shape,
        )
    return images[: len(kept)], kept


def _read(folder: Path, name: str, channels: int) -> tf.Tensor:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise ValueError("it links to outside of the folder")
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is no ordinary file")
    # channels: alpha is dropped and grey made by the decoder
    return tf.io.decode_png(path.read_bytes(), channels=channels)

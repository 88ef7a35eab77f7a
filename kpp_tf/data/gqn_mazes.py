"""Reads the mazes of GQN (Eslami et al., 2018), as DeepMind published them.

They are TFRecord files in the public bucket gs://gqn-dataset, which the repository
google-deepmind/gqn-datasets describes:

    mazes/train/0001-of-1080.tfrecord ... 1080-of-1080.tfrecord
    mazes/test/001-of-120.tfrecord ... 120-of-120.tfrecord

A record is a `tf.train.Example` of one walk of 300 frames, and each file has 100:

    frames   bytes list [300], JPEG, 84 x 84 x 3
    cameras  float list [300 * 5], for each frame x, y, z, yaw, pitch (radians)

Nothing here downloads. Copy the files, or only some of them, to
`<data_dir>/downloads/manual/gqn_mazes/`, where TFDS looks for what is fetched by hand:

    gsutil -m cp -r gs://gqn-dataset/mazes/train gs://gqn-dataset/mazes/test \
        <data_dir>/downloads/manual/gqn_mazes/

GQN has no validation split. Here it is every training file whose number is a multiple
of 20, so that it is the same whichever files are there.
"""

import pathlib
import re
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from kpp_tf.data import cache, prepared
from kpp_tf.data.table import ImageTable
from kpp_tf.errors import UserError, reason

BUCKET = "gs://gqn-dataset/mazes"
HELD_OUT_EVERY = 20

# TensorFlow quotes a record that it cannot parse, and fails where that is no text.
_READ_ERRORS = (tf.errors.OpError, UnicodeDecodeError)
_FILE_NAME = re.compile(r"(\d+)-of-\d+\.tfrecord")


def _jpegs(record: tf.Tensor) -> tf.Tensor:
    frames = tf.io.FixedLenSequenceFeature([], tf.string, allow_missing=True)
    return tf.io.parse_single_example(record, {"frames": frames})["frames"]


def _decode(record: tf.Tensor, size: int | None) -> tf.Tensor:
    frames = tf.map_fn(
        lambda jpeg: tf.io.decode_jpeg(jpeg, channels=3, dct_method="INTEGER_ACCURATE"),
        _jpegs(record),
        fn_output_signature=tf.TensorSpec([None, None, 3], tf.uint8),
    )
    if size is not None:
        frames = tf.image.resize(frames, [size, size], tf.image.ResizeMethod.AREA)
        frames = tf.cast(tf.round(frames), tf.uint8)
    return frames


def read_walks(
    path: str | pathlib.Path, size: int | None = None
) -> Iterator[np.ndarray]:
    """Reads one file.

    Args:
      path: A TFRecord file in GQN's format.
      size: Pixels a side to shrink frames to, each the mean of the area that it
        covers; None leaves them as they are.

    Yields:
      The frames of its walks, in order: uint8 [F, H, W, 3].

    Raises:
      UserError: If a record cannot be read, or has no frames; names the file.
    """
    dataset = tf.data.TFRecordDataset(str(path))
    dataset = dataset.map(
        lambda record: _decode(record, size), num_parallel_calls=tf.data.AUTOTUNE
    )
    try:
        for number, frames in enumerate(dataset.as_numpy_iterator()):
            if not len(frames):
                raise UserError(f"Record {number} of {path} has no frames.")
            yield frames
    except _READ_ERRORS as error:
        raise _damaged(path, error) from error


def _manual_dir(data_dir: str | None) -> pathlib.Path:
    return prepared.data_root(data_dir) / "downloads" / "manual" / "gqn_mazes"


def find_files(split: str, data_dir: str | None = None) -> list[pathlib.Path]:
    """Lists the files of a split that are there; arguments as of `load`.

    Returns:
      Paths, in the order of their numbers.

    Raises:
      UserError: If there are no files; says what to copy and where to.
    """
    folder = _manual_dir(data_dir)
    found = []
    for part in split.split("+"):
        source = folder / ("test" if part == "test" else "train")
        numbered = [
            (int(match[1]), path)
            for path in (source.iterdir() if source.is_dir() else ())
            if (match := _FILE_NAME.fullmatch(path.name))
        ]
        if part != "test":
            held_out = part == "validation"
            numbered = [p for p in numbered if (p[0] % HELD_OUT_EVERY == 0) == held_out]
        if not numbered:
            wanted = {
                "train": "0001-of-1080.tfrecord",
                "validation": f"{HELD_OUT_EVERY:04}-of-1080.tfrecord",
                "test": "001-of-120.tfrecord",
            }[part]
            raise UserError(
                f"No files of the {part} split of GQN's mazes are in {source} (such as "
                f"{wanted}). Copy some or all of them there, for example with: gsutil "
                f"-m cp {BUCKET}/{source.name}/{wanted} {source}/ "
                "Data elsewhere: pass --data_dir or set TFDS_DATA_DIR. "
                "Nothing was downloaded."
            )
        found += [path for _, path in sorted(numbered)]
    return found


def load(split: str, data_dir: str | None, size: int = 64) -> ImageTable:
    """Reads the frames of a split in order: walk by walk, frame by frame.

    They are decoded the first time and kept in a file. Each of GQN's files is 30,000
    frames, 0.4 GB of it at 64 x 64: copy as many as you can use.

    Args:
      split: See `sources.load_images`.
      data_dir: Likewise.
      size: Pixels a side.

    Returns:
      Frames [N, size, size, 3], memory-mapped, labelled by their walk.

    Raises:
      UserError: If the files are not there; says what to copy and where to. If a file
        is damaged, or is empty; names it.
    """
    paths = find_files(split, data_dir)
    lengths = []
    for path in paths:
        lengths.append(_walk_lengths(path))
        if not lengths[-1]:
            raise UserError(f"{path} has no records; copy it again from {BUCKET}.")
    counts = np.concatenate(lengths)

    def fill(array: np.ndarray) -> None:
        done = 0
        for path in paths:
            for frames in read_walks(path, size):
                array[done : done + len(frames)] = frames
                done += len(frames)

    frames = cache.memory_mapped(
        _manual_dir(data_dir),
        f"gqn_mazes_{size}_{split}",
        cache.version_of(paths),
        (int(counts.sum()), size, size, 3),
        fill,
    )
    walks = np.repeat(np.arange(len(counts)), counts)
    return ImageTable(frames, walks, levels=256, name="gqn_mazes", split=split)


def _walk_lengths(path: pathlib.Path) -> list[int]:
    """Frames in each record of a file, without decoding them."""
    dataset = tf.data.TFRecordDataset(str(path))
    dataset = dataset.map(lambda record: tf.size(_jpegs(record)))
    try:
        return [int(length) for length in dataset.as_numpy_iterator()]
    except _READ_ERRORS as error:
        raise _damaged(path, error) from error


def _damaged(path: str | pathlib.Path, error: Exception) -> UserError:
    return UserError(
        f"{path} cannot be read as a file of GQN's mazes; copy it again from "
        f"{BUCKET}. Received: {reason(error)}"
    )

"""Reads data sets that TFDS has prepared, without ever touching the network.

`tfds.builder(name)` may ask a public bucket for metadata even with
`download=False`; `tfds.builder_from_directory` reads nothing but the folder.
"""

import os
import pathlib
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core.utils import version as tfds_version

from kpp_tf.errors import UserError, reason

Example = dict[str, tf.Tensor]


def data_root(data_dir: str | None) -> pathlib.Path:
    """The folder of prepared data sets.

    It is `data_dir`, else the environment's TFDS_DATA_DIR, else TFDS's own default.
    """
    chosen = data_dir or os.environ.get("TFDS_DATA_DIR") or tfds.core.constants.DATA_DIR
    return pathlib.Path(chosen).expanduser()


def find(name: str, data_dir: str | None, *, how_to_get: str = "") -> pathlib.Path:
    """Finds the newest prepared version of a data set.

    Args:
      name: the data set, with its TFDS config where it has one: "mnist" or
        "mazes/64x64".
      data_dir: see `data_root`.
      how_to_get: a sentence that says how to get the data; by default the command
        that prepares it.

    Returns:
      The folder of the version, which holds `dataset_info.json`.

    Raises:
      UserError: if no complete prepared version exists.
    """
    root = data_root(data_dir)
    versions = tfds_version.list_all_versions(root / name)
    if not versions:
        how_to_get = how_to_get or (
            "On a machine with a network run: "
            f"python tools/prepare_data.py --name={name} --data_dir={root}"
        )
        raise UserError(
            f"The data set {name!r} is not prepared in {root} (looked for "
            f"{root / name / '<version>' / 'dataset_info.json'}). {how_to_get} "
            "Data elsewhere: pass --data_dir or set TFDS_DATA_DIR. "
            "Nothing was downloaded."
        )
    newest = root / name / str(versions[-1])
    for needed in ("dataset_info.json", "features.json"):
        if not (newest / needed).is_file():
            raise UserError(
                f"{newest / needed} is missing, so the preparation of {name!r} "
                "was not finished. Remove that folder and prepare the data again."
            )
    return newest


def open_folder(folder: pathlib.Path) -> tfds.core.DatasetBuilder:
    """A read-only builder over a prepared folder whose files are all there.

    Raises:
      UserError: if the metadata cannot be read, or a shard that they list is missing;
        names the folder or the shard.
    """
    try:
        builder = tfds.builder_from_directory(folder)
    except Exception as error:  # TFDS lets JSON and protobuf errors through.
        raise UserError(
            f"The metadata in {folder} cannot be read ({error}). "
            "Remove that folder and prepare the data again."
        ) from error
    for info in builder.info.splits.values():
        for shard in info.filepaths:
            if not os.path.isfile(shard):
                raise UserError(
                    f"{shard} is missing, so {builder.info.full_name} is incomplete. "
                    "Remove the folder and prepare the data again."
                )
    return builder


def prepare(builder: tfds.core.DatasetBuilder, manual_dir: str | None = None) -> None:
    """Downloads or draws a data set, and writes it where `find` looks for it.

    Args:
      builder: of the data set, made with a `data_dir`.
      manual_dir: folder of files that were downloaded by hand.

    Raises:
      UserError: if it exists.
    """
    if os.path.exists(builder.data_dir):
        raise UserError(
            "a data set that exists is not overwritten; remove it, or choose another "
            f"--data_dir. Received: {builder.data_dir}"
        )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(
            manual_dir=manual_dir, try_download_gcs=False
        )
    )


def read(
    folder: pathlib.Path,
    split: str,
    keys: tuple[str, ...],
    transform: Callable[[Example], Example] | None = None,
) -> dict[str, np.ndarray]:
    """Decodes a split into arrays in memory; see `batches`."""
    found = list(batches(folder, split, keys, transform))
    return {key: np.concatenate([batch[key] for batch in found]) for key in found[0]}


def batches(
    folder: pathlib.Path,
    split: str,
    keys: tuple[str, ...],
    transform: Callable[[Example], Example] | None = None,
    rows: np.ndarray | None = None,
    batch_size: int = 128,
) -> Iterator[dict[str, np.ndarray]]:
    """Decodes a split batch by batch, in the order of the files.

    Args:
      folder: what `find` returned.
      split: in TFDS's language, for example "train[:-10000]".
      keys: the features to decode.
      transform: applied to every example (a dictionary with `keys`), in parallel.
      rows: bool [N], which examples are wanted; None: all.
      batch_size: examples at a time; few where an example is large.

    Yields:
      Dictionaries of arrays [n, ...].

    Raises:
      UserError: if the split or a feature does not exist, or a file is damaged;
        the message names it.
    """
    builder = open_folder(folder)
    if missing := set(keys) - set(builder.info.features):
        raise UserError(
            f"{folder / 'features.json'} has no feature {sorted(missing)}; "
            f"it has {sorted(builder.info.features)}."
        )
    split_size(builder, split)
    dataset = builder.as_dataset(
        split=split,
        shuffle_files=False,
        decoders=tfds.decode.PartialDecoding(dict.fromkeys(keys, True)),
        read_config=tfds.ReadConfig(
            interleave_cycle_length=1, try_autocache=False, skip_prefetch=True
        ),
    )
    if rows is not None:
        wanted = tf.constant(rows)
        dataset = dataset.enumerate().filter(lambda row, _: wanted[row])
        dataset = dataset.map(lambda _, example: example)
    if transform is not None:
        dataset = dataset.map(transform, num_parallel_calls=tf.data.AUTOTUNE)
    try:
        # TFDS checks that there are exactly as many examples as there should be.
        yield from dataset.batch(batch_size).prefetch(2).as_numpy_iterator()
    except tf.errors.OpError as error:
        raise UserError(
            f"{_damaged_file(builder)} cannot be read: {reason(error)} "
            "Remove the folder it is in and prepare the data again."
        ) from error


def split_size(builder: tfds.core.DatasetBuilder, split: str) -> int:
    """The number of examples of a split in TFDS's language.

    Raises:
      UserError: if there is no such split, or no example in it.
    """
    splits = builder.info.splits
    try:
        size = splits[split].num_examples
    except (KeyError, ValueError, AssertionError) as error:
        sizes = {name: info.num_examples for name, info in splits.items()}
        raise UserError(
            f"{builder.data_dir} has no split {split!r}; it has {sizes}."
        ) from error
    if not size:
        raise UserError(f"The split {split!r} of {builder.data_dir} is empty.")
    return size


def metadata(folder: pathlib.Path) -> str:
    """The text that changes when a prepared data set does."""
    about = (folder / about for about in ("dataset_info.json", "metadata.json"))
    return "".join(path.read_text() for path in about if path.exists())


def _damaged_file(builder: tfds.core.DatasetBuilder) -> str:
    """The first file whose records do not decode, or the folder if all do."""
    for info in builder.info.splits.values():
        for path, length in zip(info.filepaths, info.shard_lengths, strict=True):
            records = tf.data.TFRecordDataset(path)
            records = records.map(builder.info.features.deserialize_example)
            try:
                if sum(1 for _ in records) != length:
                    return str(path)
            except tf.errors.OpError:
                return str(path)
    return str(builder.data_dir)

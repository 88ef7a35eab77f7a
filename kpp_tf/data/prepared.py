"""Reads data sets that TFDS has prepared, without ever touching the network.

`tfds.builder(name)` may ask a public bucket for metadata even with
`download=False`; `tfds.builder_from_directory` reads nothing but the folder.
"""

import os
import pathlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from kpp_tf.data import cache
from kpp_tf.errors import UserError, reason


def data_root(data_dir: str | None) -> pathlib.Path:
    """The folder of prepared data sets.

    It is `data_dir`, else the environment's TFDS_DATA_DIR, else TFDS's own default.
    """
    chosen = data_dir or os.environ.get("TFDS_DATA_DIR") or tfds.core.constants.DATA_DIR
    return pathlib.Path(chosen).expanduser()


def find(name: str, data_dir: str | None, *, how_to_get: str = "") -> pathlib.Path:
    """Finds the newest prepared version of a data set.

    Args:
      name: the data set, with its TFDS config where it has one:
        "mnist" or "downsampled_imagenet/32x32".
      data_dir: see `data_root`.
      how_to_get: the sentence that tells how to get the data; by default the
        command that prepares it.

    Returns:
      The folder of the version, which holds `dataset_info.json`.

    Raises:
      UserError: if no whole prepared version is there.
    """
    root = data_root(data_dir)
    folder = root / name
    versions = []
    if folder.is_dir():
        for path in folder.iterdir():
            if path.is_dir() and tfds.core.Version.is_valid(path.name):
                versions.append(path)
    versions.sort(key=lambda path: tfds.core.Version(path.name))
    if not versions:
        how_to_get = how_to_get or (
            "On a machine with a network run: "
            f"python tools/prepare_data.py --name={name} --data_dir={root}"
        )
        raise UserError(
            f"The data set {name!r} is not prepared in {root} (looked for "
            f"{folder}{os.sep}<version>{os.sep}dataset_info.json). {how_to_get} "
            "Data elsewhere: pass --data_dir or set TFDS_DATA_DIR. "
            "Nothing was downloaded."
        )
    for needed in ("dataset_info.json", "features.json"):
        if not (versions[-1] / needed).is_file():
            raise UserError(
                f"{versions[-1] / needed} is missing, so the preparation of {name!r} "
                "was not finished. Remove that folder and prepare the data again."
            )
    return versions[-1]


def open_folder(folder: pathlib.Path) -> tfds.core.DatasetBuilder:
    """A read-only builder over a prepared folder whose files are all there.

    Raises:
      UserError: if the metadata cannot be read, naming the folder; if a shard that they
        list is missing, naming it.
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
                    f"{shard} is missing, so {builder.info.full_name} is not whole. "
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


def _split_size(
    builder: tfds.core.DatasetBuilder, folder: pathlib.Path, split: str
) -> int:
    try:
        size = builder.info.splits[split].num_examples
    except (KeyError, ValueError, AssertionError) as error:
        sizes = {name: info.num_examples for name, info in builder.info.splits.items()}
        raise UserError(f"{folder} has no split {split!r}; it has {sizes}.") from error
    if not size:
        raise UserError(f"The split {split!r} of {folder} is empty.")
    return size


def read(
    folder: pathlib.Path,
    split: str,
    keys: tuple[str, ...],
    transform: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]] | None = None,
    into: Callable[[int], dict[str, np.ndarray]] | None = None,
    batch_size: int = 512,
) -> dict[str, np.ndarray]:
    """Decodes a split into arrays, in the order of the files.

    Args:
      folder: what `find` returned.
      split: in TFDS's language, for example "train[:-10000]".
      keys: the features to keep.
      transform: applied to every example (a dictionary with `keys`), in parallel.
      into: given the number of examples, returns the arrays to write into. Default:
        arrays in memory.
      batch_size: examples decoded at a time; few where an example is large.

    Returns:
      A dictionary of arrays [N, ...].

    Raises:
      UserError: if the split or a feature does not exist, or a file is damaged;
        the message names it.
    """
    builder = open_folder(folder)
    missing = [key for key in keys if key not in builder.info.features]
    if missing:
        raise UserError(
            f"{folder / 'features.json'} has no feature {missing}; "
            f"it has {sorted(builder.info.features)}."
        )
    size = _split_size(builder, folder, split)

    def select(example):
        example = {key: example[key] for key in keys}
        return transform(example) if transform else example

    dataset = builder.as_dataset(
        split=split,
        shuffle_files=False,
        read_config=tfds.ReadConfig(
            interleave_cycle_length=1, try_autocache=False, skip_prefetch=True
        ),
    )
    dataset = dataset.map(select, num_parallel_calls=tf.data.AUTOTUNE)
    dataset = dataset.batch(batch_size).prefetch(2)
    arrays = into(size) if into else {}
    done = 0
    try:
        # TFDS checks that there are exactly as many examples as there should be.
        for batch in dataset.as_numpy_iterator():
            end = done + len(next(iter(batch.values())))
            for key, value in batch.items():
                if key not in arrays:
                    arrays[key] = np.empty((size, *value.shape[1:]), value.dtype)
                arrays[key][done:end] = value
            done = end
    except tf.errors.OpError as error:
        raise UserError(
            f"{_damaged_file(builder)} cannot be read: {reason(error)} "
            "Remove the folder it is in and prepare the data again."
        ) from error
    return arrays


def read_on_disk(
    folder: pathlib.Path,
    split: str,
    key: str,
    shape: tuple[int, ...],
    *,
    name: str,
    transform: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]] | None = None,
    batch_size: int = 512,
) -> np.memmap:
    """Decodes one feature of a split once, and keeps it on disk beside the data.

    Args:
      folder: what `find` returned.
      split: in TFDS's language.
      key: the feature.
      shape: of an example, after `transform`.
      name: of the file, for people.
      transform: see `read`.
      batch_size: see `read`.

    Returns:
      uint8 [N, *shape], memory-mapped.

    Raises:
      UserError: see `read` and `cache.memory_mapped`.
    """
    size = _split_size(open_folder(folder), folder, split)
    about = (folder / about for about in ("dataset_info.json", "metadata.json"))

    def fill(array):
        read(folder, split, (key,), transform, lambda _: {key: array}, batch_size)

    return cache.memory_mapped(
        folder,
        f"{name}_{split}",
        "".join(path.read_text() for path in about if path.exists()),
        (size, *shape),
        fill,
    )


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

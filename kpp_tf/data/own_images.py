"""Images that `config.data.name` names by their place: a folder or a file of arrays."""

import itertools
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from kpp_tf.data import array_file, image_folder, tfds_files
from kpp_tf.data.collection import Collection, select, split_of
from kpp_tf.data.image_table import ImageTable
from kpp_tf.errors import UserError


def load(data_config: ConfigDict, split: str, data_dir: str | None) -> ImageTable:
    """Loads a split of a folder of images, a .npy, or a .npz.

    A folder may also hold a file of arrays a split, each with the split in its name:
    "train_small.npz" and "test_small.npz".

    Args:
      data_config: `config.data`; uses `name`, `image_shape`, `damaged`, and for the
        split `split_by` and `split_seed`, see `collection.select`.
      split: see `registry.load_images`.
      data_dir: where `name` is looked for too, if it is relative.

    Raises:
      UserError: if there is nothing, or something else; names the file.
    """
    path = _find(data_config.name, data_dir)
    shape = tuple(data_config.image_shape)
    if len(shape) != 3 or min(shape) < 1 or shape[-1] not in (1, 3):
        raise UserError(
            "config.data.image_shape is (height, width, channels), with 1 channel for "
            f"grey or 3 for colour. Received: {shape}"
        )
    if data_config.damaged not in ("skip", "stop"):
        raise UserError(
            "config.data.damaged is 'skip' or 'stop'. "
            f"Received: {data_config.damaged!r}"
        )
    files = [path] if path.is_file() else _array_files(path)
    if files:
        collection = _from_arrays(files, shape)
    else:
        collection = image_folder.read(path, shape, data_config.damaged)
    return select(collection, data_config, split, path.stem)


def places(name: str, data_dir: str | None) -> list[Path]:
    """Where a name is looked for: from the current folder, then among the data."""
    here = Path(name).expanduser()
    return list(dict.fromkeys([here.absolute(), tfds_files.data_root(data_dir) / here]))


def _find(name: str, data_dir: str | None) -> Path:
    for place in places(name, data_dir):
        if place.is_dir() or (place.suffix in array_file.SUFFIXES and place.is_file()):
            return place.resolve()
    raise UserError(
        "Own images are a folder of PNG or JPEG files, or of a .npy or .npz a split, "
        f"or one such file. Received: config.data.name={name!r}"
    )


def _array_files(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix in array_file.SUFFIXES and path.name[0] != "."
    ]


def _from_arrays(files: list[Path], shape: tuple[int, int, int]) -> Collection:
    """One file, which may tell splits apart, or several, each with one in its name."""
    if len(files) == 1:
        return array_file.read(files[0], shape)
    parts = []
    for path in files:
        split = split_of(path.stem.partition("_")[0])
        if not split:
            raise UserError(
                "Several files of arrays in one folder are named by their splits, as "
                f"train.npz or train_small.npz. Received: {str(path)!r}"
            )
        part = array_file.read(path, shape, split)
        parts.append(part._replace(keys=[f"{path.name}/{key}" for key in part.keys]))
    if len({bool(part.classes) for part in parts}) > 1:
        raise UserError(
            "Either all files of a folder have classes or none has. "
            f"Received: {[path.name for path in files]}"
        )
    images, *texts = zip(*parts, strict=True)
    return Collection(
        np.concatenate(images), *(list(itertools.chain(*of)) for of in texts)
    )

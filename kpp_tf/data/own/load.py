"""Images that `config.data.name` names by their place: a folder or a file of arrays."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from kpp_tf.data import tfds_files
from kpp_tf.data.image_table import ImageTable
from kpp_tf.data.own import arrays, folder
from kpp_tf.data.own.collection import Collection
from kpp_tf.data.own.options import Options
from kpp_tf.data.own.splits import select, split_of
from kpp_tf.errors import UserError


def load(data_config: ConfigDict, split: str, data_dir: str | None) -> ImageTable:
    """Loads a split of a folder of images, a .npy, or a .npz.

    A folder may also hold a file of arrays a split, each with the split in its name:
    "train_small.npz" and "test_small.npz".

    Args:
      data_config: `config.data`; uses `name`, the fields of `Options`, and for the
        split what `splits.select` does.
      split: see `registry.load_images`.
      data_dir: where `name` is looked for too, if it is relative.

    Raises:
      UserError: if there is nothing, or something else; names the file.
    """
    path = find(data_config.name, data_dir)
    collection = read(path, Options.of(data_config))
    return select(collection, data_config, split, path.stem)


def places(name: str, data_dir: str | None) -> list[Path]:
    """Where a name is looked for: from the current folder, then among the data."""
    if not name.strip():
        raise UserError(
            "config.data.name must name a data set or a place. "
            f"Received: config.data.name={name!r}"
        )
    here = Path(name).expanduser()
    return list(dict.fromkeys([here.absolute(), tfds_files.data_root(data_dir) / here]))


def find(name: str, data_dir: str | None) -> Path:
    """The folder or file that a name means.

    Raises:
      UserError: if there is none.
    """
    for place in places(name, data_dir):
        if place.is_dir() or (place.suffix in arrays.SUFFIXES and place.is_file()):
            return place.resolve()
    raise UserError(
        "Own images are a folder of pictures, or of a .npy or .npz a split, "
        f"or one such file. Received: config.data.name={name!r}"
    )


def array_files(path: Path) -> list[Path]:
    """The files of arrays that a place is or holds."""
    if path.is_file():
        return [path]
    found = (file for file in path.iterdir() if file.suffix in arrays.SUFFIXES)
    return sorted(file for file in found if file.name[0] != ".")


class _Stamped(NamedTuple):
    """A file, and what tells it from what it was before a change."""

    path: Path
    size: int
    changed: int


def read(path: Path, options: Options) -> Collection:
    """The images of all splits of a folder or a file of arrays."""
    files = array_files(path)
    if not files:
        return folder.read(folder.listing(path), options)
    states = [file.stat() for file in files]
    stamped = [
        _Stamped(file, state.st_size, state.st_mtime_ns)
        for file, state in zip(files, states, strict=True)
    ]
    return _from_arrays(tuple(stamped), options)


# As in `folder.read`.
@functools.lru_cache(maxsize=1)
def _from_arrays(stamped: tuple[_Stamped, ...], options: Options) -> Collection:
    """One file, which may tell splits apart, or several, each with one in its name."""
    files = [file.path for file in stamped]
    if len(files) == 1:
        return arrays.read(files[0], options)
    parts = []
    for path in files:
        split = split_of(path.stem.partition("_")[0])
        if not split:
            raise UserError(
                "Several files of arrays in one folder are named by their splits, as "
                f"train.npz or train_small.npz. Received: {str(path)!r}"
            )
        part = arrays.read(path, options, split)
        parts.append(part._replace(keys=[f"{path.name}/{key}" for key in part.keys]))
    if len({bool(part.classes) for part in parts}) > 1:
        raise UserError(
            "Either all files of a folder have classes or none has. "
            f"Received: {[path.name for path in files]}"
        )
    passed_over: dict[str, list[str]] = {}
    for path, part in zip(files, parts, strict=True):
        for why, names in part.passed_over.items():
            passed_over.setdefault(why, []).extend(f"{path.name}/{n}" for n in names)
    return Collection(
        np.concatenate([part.images for part in parts]),
        list(itertools.chain(*(part.keys for part in parts))),
        list(itertools.chain(*(part.classes for part in parts))),
        list(itertools.chain(*(part.splits for part in parts))),
        passed_over,
        (),
        sum(part.enlarged for part in parts),
    )

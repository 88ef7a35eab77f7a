"""Anybody's images as one collection, and its seeded splits."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from absl import logging
from ml_collections import ConfigDict

from kpp_tf.data.image_table import ImageTable, is_black_and_white
from kpp_tf.errors import UserError

SPLITS = ("train", "validation", "test")
# Held out of the training images, where the data has no such split of its own.
SHARE = 0.1

_SPELLINGS = {**{name: name for name in SPLITS}, "val": SPLITS[1], "valid": SPLITS[1]}


class Collection(NamedTuple):
    """All splits of somebody's images.

    Attributes:
      images: uint8 [N, H, W, C].
      keys: N texts that name the images, each another.
      classes: N names of classes, with "/" between a class and what it belongs to
        ("Greek/alpha"); empty where there are none.
      splits: N names of splits, "" where the data does not say.
    """

    images: np.ndarray
    keys: Sequence[str]
    classes: Sequence[str]
    splits: Sequence[str]


def split_of(name: str) -> str:
    """Our name of a split: "validation" of "val"; "" of what is none."""
    return _SPELLINGS.get(name.lower(), "")


class Chosen(NamedTuple):
    """The images of one split, by their rows in a collection.

    Attributes:
      rows: int64 [N], ascending.
      labels: of the chosen images, by the kind of label: "class", "alphabet".
      names: of the labels 0, 1, ..., by their kind.
      image_names: N texts.
      name, split: of the data.
    """

    rows: np.ndarray
    labels: dict[str, np.ndarray]
    names: dict[str, list[str]]
    image_names: list[str]
    name: str
    split: str

    def table(self, images: np.ndarray, levels: int) -> ImageTable:
        """The table of the chosen images, uint8 [N, H, W, C]."""
        groups = dict(self.labels)
        return ImageTable(
            images=images,
            labels=groups.pop("class", None),
            levels=levels,
            name=self.name,
            split=self.split,
            groups=groups,
            names=self.names,
            image_names=self.image_names,
        )


def select(
    collection: Collection, data_config: ConfigDict, split: str, name: str
) -> ImageTable:
    """One split of a collection, see `choose`.

    Returns:
      The table; two levels if all pixels of all splits are 0 or 255.
    """
    images, keys, classes, splits = collection
    chosen = choose(keys, classes, splits, data_config, split, name)
    return chosen.table(images[chosen.rows], 2 if is_black_and_white(images) else 256)


def choose(
    keys: Sequence[str],
    classes: Sequence[str],
    splits: Sequence[str],
    data_config: ConfigDict,
    split: str,
    name: str,
) -> Chosen:
    """Which images of a collection make a split.

    What the data calls "test" or "validation" is that. Where it has no such split, a
    tenth of its other images is: those whose SHA-256, with `split_seed` before the key,
    is below a tenth of its range, so that new files move no old ones. `split_by` holds
    out whole classes, or what they belong to ("alphabet"), in place of images.

    Args:
      keys: of the collection's images; see `Collection`.
      classes: likewise.
      splits: likewise.
      data_config: `config.data`; uses `split_by` and `split_seed`.
      split: see `registry.load_images`.
      name: of the data, for messages.

    Returns:
      The rows, labelled where there are classes, also by "alphabet" where all classes
      belong to something.

    Raises:
      UserError: if `split_by` names no labels, or the split comes out empty.
    """
    groups = _groups(classes)
    units = {"image": keys, **groups}.get(data_config.split_by)
    if units is None:
        raise UserError(
            f"The images of {name!r} can be split by {['image', *groups]}. "
            f"Received: config.data.split_by={data_config.split_by!r}"
        )
    found = _all_splits(splits, units, int(data_config.split_seed))
    counts = {part: int((found == part).sum()) for part in SPLITS}
    logging.info("%s: %d images: %s", name, len(found), counts)
    rows = np.flatnonzero(np.isin(found, split.split("+")))
    if not len(rows):
        raise UserError(
            f"Too few images in {name!r}: the {split!r} split is empty. Add images, "
            "put them into folders train, validation and test, or name other splits or "
            "another split_seed in config.data. "
            f"Received: {counts}, split_by={data_config.split_by!r}"
        )
    labels, names = {}, {}
    for kind, of in groups.items():
        unique, inverse = np.unique(of, return_inverse=True)
        labels[kind], names[kind] = inverse[rows].astype(np.int64), unique.tolist()
    image_names = [keys[int(row)] for row in rows]
    return Chosen(rows, labels, names, image_names, name, split)


def _groups(classes: Sequence[str]) -> dict[str, list[str]]:
    if not classes:
        return {}
    parents = [name.rpartition("/")[0] for name in classes]
    groups = {"class": list(classes)}
    return {**groups, "alphabet": parents} if all(parents) else groups


def _all_splits(splits: Sequence[str], units: Sequence[str], seed: int) -> np.ndarray:
    given = set(splits)
    shares = {unit: _share(seed, unit) for unit in set(units)}
    chosen = []
    for split, unit in zip(splits, units, strict=True):
        if split in ("", "train"):
            place = int(shares[unit] / SHARE)
            held_out = ("test", "validation")[place] if place < 2 else "train"
            split = "train" if held_out in given else held_out
        chosen.append(split)
    return np.array(chosen)


def _share(seed: int, unit: str) -> float:
    """In [0, 1), by the unit's name alone."""
    digest = hashlib.sha256(f"{seed}/{unit}".encode("utf-8", "surrogateescape"))
    return int.from_bytes(digest.digest()[:6], "big") / 2**48

"""Which of somebody's images are of which split: by names, else by a seed."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from kpp_tf.data.image_table import ImageTable, is_black_and_white
from kpp_tf.data.own.collection import Collection, check, say
from kpp_tf.errors import UserError

SPLITS = ("train", "validation", "test")
# Held out of the training images, where the data has no such split of its own.
SHARE = 0.1

_SPELLINGS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}

Place = tuple[str, ...]


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
      name: of the data.
      split: of the data.
      splits: of all images of the collection, by row.
    """

    rows: np.ndarray
    labels: dict[str, np.ndarray]
    names: dict[str, list[str]]
    image_names: list[str]
    name: str
    split: str
    splits: np.ndarray

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


def are_splits(names: Sequence[str], named_splits: str, where: str) -> bool:
    """Whether names that stand beside each other are to be taken as splits.

    Args:
      names: of folders or arrays; "" for a file beside the folders.
      named_splits: "always" if any is the name of a split, "never", or "auto": if two
        are, or all.
      where: they stand, for the message.

    Raises:
      UserError: with "auto" if one alone is the name of a split, and others are not.
    """
    known = [name for name in names if split_of(name)]
    if named_splits == "never" or not known:
        return False
    if named_splits == "always" or len(known) > 1 or len(known) == len(names):
        return True
    others = sorted(name or "files" for name in set(names) - set(known))
    raise UserError(
        f"{known[0]!r} may be a split or a class. Take it as a split, and leave out "
        "what is in none, with config.data.named_splits='always', or as a class with "
        f"'never'. Received: {known[0]!r} beside {others[:5]} in {where}"
    )


def arranged(
    names: Sequence[str], named_splits: str, where: str
) -> tuple[dict[int, tuple[str, str]], list[int]]:
    """Splits and classes of files by the folders that they lie in.

    Args:
      names: of the files, with "/".
      named_splits: see `are_splits`.
      where: the folder, for messages.

    Returns:
      (split, class) by row, and the rows that are in no split although others are.
    """
    places = [tuple(name.split("/")[:-1]) for name in names]
    children: dict[Place, set[str]] = {}
    for place in places:
        for depth, name in enumerate([*place, ""]):
            children.setdefault(place[:depth], set()).add(name)
    levels: list[Place] = []
    for place in sorted(children, key=len):
        below = any(place[: len(level)] == level for level in levels)
        beside = sorted(children[place])
        if not below and are_splits(beside, named_splits, "/".join([where, *place])):
            levels.append(place)
    if not levels:
        return {row: ("", "/".join(place)) for row, place in enumerate(places)}, []
    ends = zip(min(levels), max(levels), strict=False)
    above = sum(1 for _ in itertools.takewhile(lambda pair: len({*pair}) == 1, ends))
    kept: dict[int, tuple[str, str]] = {}
    outside: list[int] = []
    for row, place in enumerate(places):
        for level in levels:
            rest = place[len(level) :]
            if place[: len(level)] == level and rest and split_of(rest[0]):
                kept[row] = split_of(rest[0]), "/".join(level[above:] + rest[1:])
                break
        else:
            outside.append(row)
    return kept, outside


def select(
    collection: Collection, data_config: ConfigDict, split: str, name: str
) -> ImageTable:
    """One split of a collection, checked and reported; see `choose`.

    Returns:
      The table; two levels if all pixels of all splits are 0 or 255.
    """
    images = collection.images
    chosen = choose(
        collection.keys,
        collection.classes,
        collection.splits,
        data_config,
        split,
        name,
    )
    say(collection, chosen.splits, data_config.name)
    check(collection, data_config.binarize, name)
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
      UserError: if the images hold nothing, `split_by` names no labels, or the split
        comes out empty.
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
    return Chosen(rows, labels, names, image_names, name, split, found)


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

"""Own images of all splits, what was passed over, and the line that says so."""

from __future__ import annotations

import functools
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from kpp_tf.data.image_table import WHITE_FROM
from kpp_tf.errors import UserError

_SHOWN = 5  # names in a message
_DIM = 64  # a largest level that is worth a word


class Collection(NamedTuple):
    """All splits of somebody's images.

    Attributes:
      images: uint8 [N, H, W, C].
      keys: N texts that name the images, each another.
      classes: N names of classes, with "/" between a class and what it belongs to
        ("Greek/alpha"); empty where there are none.
      splits: N names of splits, "" where the data does not say.
      passed_over: names of files or arrays that are not among them, by reason.
      notes: what else there is to say of how they were read.
      enlarged: images that had fewer pixels than they have now.
      copies: whether all come from files of the same bytes.
    """

    images: np.ndarray
    keys: Sequence[str]
    classes: Sequence[str]
    splits: Sequence[str]
    passed_over: Mapping[str, Sequence[str]] = {}
    notes: Sequence[str] = ()
    enlarged: int = 0
    copies: bool = False


def shown(passed_over: Mapping[str, Sequence[str]]) -> str:
    """Counts and the first names by reason: ".webp 10 (a.webp, ...)"."""
    return "; ".join(
        f"{why} {len(names)} ({', '.join(map(_printable, names[:_SHOWN]))}"
        f"{', ...' if len(names) > _SHOWN else ''})"
        for why, names in sorted(passed_over.items())
    )


def check(collection: Collection, binarize: str, name: str) -> None:
    """Stops at images that hold nothing, whatever the reason.

    Args:
      collection: all splits.
      binarize: `config.data.binarize`.
      name: of the data, for the message.

    Raises:
      UserError: if all images are alike, nothing in them is above 2 of 255, or all or
        nothing of them is white once they are binarized.
    """
    images = collection.images
    white = np.count_nonzero(images >= WHITE_FROM)
    alike = len(images) > 1 and all((image == images[0]).all() for image in images[1:])
    # Copies of one file are what somebody put there, unless it is blank.
    if alike and not (collection.copies and images[0].min() < images[0].max()):
        seen = f"all {len(images)} images are alike"
    elif images.max() <= 2:
        seen = "nothing in them is above 2 of 255"
    elif binarize == "fixed" and white in (0, images.size):
        seen = f"{'all' if white else 'nothing'} in them is white once binarized"
    else:
        return
    raise UserError(
        f"The images of {name!r} hold nothing: {seen}. config.data.ground is the level "
        "under transparency, config.data.white the number that is white, and "
        "config.data.binarize='none' keeps the levels. Received: levels from "
        f"{images.min()} to {images.max()}, {images.mean():.1f} on average"
    )


def say(collection: Collection, splits: np.ndarray, name: str) -> None:
    """Prints one line on what was loaded, by split and class, and what was not.

    Args:
      collection: all splits.
      splits: the split of each image.
      name: of the data.
    """
    images, classes = collection.images, Counter(collection.classes)
    height, width, channels = images.shape[1:]
    by_split = ", ".join(
        f"{split} {(splits == split).sum()}"
        for split in ("train", "validation", "test")
    )
    parts = [f"{len(images):,} images as {height} x {width} x {channels}: {by_split}"]
    if classes:
        parts.append(f"{len(classes)} classes: {_counts(classes)}")
    if collection.enlarged:
        parts.append(
            f"{collection.enlarged} of {len(images)} images have fewer pixels than "
            "config.data.image_shape and are enlarged"
        )
    if images.max() < _DIM:
        parts.append(
            f"The brightest pixel is {images.max()} of 255: is config.data.white right?"
        )
    parts += collection.notes
    parts.append(f"Passed over: {shown(collection.passed_over) or 'nothing'}")
    _print_once(f"{name}: {'. '.join(parts)}.")


# A run loads one collection for each of its splits.
@functools.lru_cache(maxsize=1)
def _print_once(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _counts(counter: Counter[str]) -> str:
    few = counter.most_common(_SHOWN * 2)
    more = [f"and {len(counter) - len(few)} more"] * (len(counter) > len(few))
    return ", ".join([f"{_printable(name)} {count}" for name, count in few] + more)


def _printable(name: str) -> str:
    return name if name.isprintable() else ascii(name)

"""Images in a .npy or .npz file: one array, arrays by split, or an array a class."""

from __future__ import annotations

import re
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import tensorflow as tf

from kpp_tf.data.own import pixels
from kpp_tf.data.own.collection import Collection
from kpp_tf.data.own.options import Options
from kpp_tf.data.own.splits import are_splits, split_of
from kpp_tf.errors import UserError

SUFFIXES = (".npy", ".npz")
_IMAGES = set("x data image images img imgs picture pictures photo photos".split())
_LABELS = set("y label labels lbl lbls target targets class classes".split())
_FITTED = 256  # images at a time: a resize takes 4 bytes a number


def read(path: Path, options: Options, split: str = "") -> Collection:
    """Reads a file of arrays.

    Names of arrays in a .npz say what they are: "images" and "labels" (or "x" and "y",
    "imgs" and "targets"), with a split before or after ("x_train", "val_labels"). The
    only array that can hold images does, whatever its name. Else every array holds the
    images of the class that it is named after. What is none of these is passed over.

    Args:
      path: of the file.
      options: how; arrays are what `pixels.as_pictures` takes.
      split: of all images; "" where the file may say.

    Raises:
      UserError: if the file or an array is none of these; names it.
    """
    arrays, passed_over = _arrays(path)
    held = ", ".join(f"{n} ({a.dtype} {a.shape})" for n, a in sorted(arrays.items()))
    held += "".join(f", {name} (objects)" for name in passed_over.get("of objects", ()))
    images, labels, by_class = {path.stem: ""}, dict[str, str](), False
    if path.suffix != ".npy":
        images, labels, by_class = _roles(arrays, options.named_splits, path, held)
    of_images = [*images, *labels.values()]
    if others := sorted(set(arrays) - set(of_images)):
        passed_over["arrays that are neither images nor labels"] = others
    parts, keys, classes, splits, enlarged = [], [], [], [], 0
    for name, of_split in sorted(images.items()):
        where = f"the array {name!r} of {path}"
        array = arrays[name]
        if array.dtype.kind not in "buif":
            raise UserError(f"{where} must hold numbers. Received: {array.dtype}")
        array = pixels.as_pictures(array, options.axes, where)
        array = pixels.levels(array, options.white, where)
        if pixels.is_enlarged(array.shape[1], array.shape[2], options.image_shape):
            enlarged += len(array)
        parts += _fitted(array, options)
        keys += [f"{name}/{row}" for row in range(len(array))]
        splits += [split or of_split] * len(array)
        if by_class:
            classes += [name] * len(array)
        elif of_split in labels:
            texts = _labels(arrays[labels[of_split]], labels[of_split], path)
            if len(texts) != len(array):
                raise UserError(
                    f"{where} must have a label for each of its {len(array)} images. "
                    f"Received: {len(texts)} labels"
                )
            classes += texts
    if not parts or (classes and len(classes) != len(keys)):
        raise UserError(
            f"{path} must hold images, and labels for all of them or for none. Name "
            f"arrays 'images' and 'labels', or as classes. Received: {held}"
        )
    return Collection(
        np.concatenate(parts), keys, classes, splits, passed_over, (), enlarged
    )


def _arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """Arrays by name, and what is passed over, by reason."""
    passed_over: dict[str, list[str]] = defaultdict(list)
    try:
        contents = np.load(path, allow_pickle=False)
        if isinstance(contents, np.ndarray):
            return {path.stem: contents}, passed_over
        arrays = {}
        with contents:
            for name in contents.files:
                try:
                    arrays[name] = contents[name]
                except ValueError as error:
                    if "Object arrays" not in str(error):
                        raise
                    passed_over["of objects"].append(name)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path} cannot be read as arrays of numbers. Received: {error}"
        ) from error
    if not arrays:
        raise UserError(
            f"{path} has no classes and no images. Received: no arrays of numbers; "
            f"of objects: {passed_over['of objects'] or 'none'}"
        )
    return arrays, passed_over


def _roles(
    arrays: dict[str, np.ndarray], named_splits: str, path: Path, held: str
) -> tuple[dict[str, str], dict[str, str], bool]:
    """Splits by the names of images, names of labels by split, and if by class."""
    can = [n for n, a in arrays.items() if a.dtype.kind in "buif" and a.ndim > 1]
    words = {name: _words(name) for name in arrays}
    splits = {name: _split(words[name]) for name in arrays}
    kinds = {
        name: {word for word in words[name] if not split_of(word)} for name in arrays
    }
    labels = [n for n in arrays if kinds[n] and kinds[n] <= _LABELS]
    images = [n for n in arrays if kinds[n] and kinds[n] <= _IMAGES]
    images += [name for name in can if splits[name] and not kinds[name]]
    others = [name for name in can if name not in {*images, *labels}]
    if len(arrays) == 1 or (not images and len(others) == 1):
        images, others = others or list(arrays), []
    asked = [splits[name] or name for name in [*images, *others]]
    if any(splits[name] for name in images) and others:
        if not are_splits(asked, named_splits, f"{path}, which holds {held}"):
            images, labels, others = [], [], [*images, *others]
    elif named_splits == "never" and not all(kinds[name] for name in images):
        images, others = [], [*images, *others]
    if images:
        return (
            {name: splits[name] for name in images},
            {splits[name]: name for name in sorted(labels, reverse=True)},
            False,
        )
    if all(re.fullmatch(r"arr_\d+", name) for name in others):
        others = []
    return dict.fromkeys(others, ""), {}, True


def _words(name: str) -> list[str]:
    """Lower-case words of an array's name; "xTrain" and "xtrain" are two."""
    words = re.findall("[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    found = []
    for word in map(str.lower, words):
        joined = word[0] in "xy" and split_of(word[1:])
        found += [word[0], word[1:]] if joined else [word]
    return found


def _split(words: list[str]) -> str:
    found = {split_of(word) for word in words if split_of(word)}
    return found.pop() if len(found) == 1 else ""


def _labels(labels: np.ndarray, name: str, path: Path) -> list[str]:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "biuSU":
        raise UserError(
            f"The array {name!r} of {path} must be one whole number or text an image. "
            f"Received: {labels.dtype} {labels.shape}"
        )
    width = len(str(labels.max())) if labels.dtype.kind in "iu" else 0
    return [str(label).zfill(width) for label in labels.tolist()]


def _fitted(array: np.ndarray, options: Options) -> list[np.ndarray]:
    return [
        pixels.fit(
            tf.constant(array[row : row + _FITTED]), options.image_shape, options.ground
        ).numpy()
        for row in range(0, len(array), _FITTED)
    ]

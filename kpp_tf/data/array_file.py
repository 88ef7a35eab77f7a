"""Images in a .npy or .npz file: one array, arrays by split, or an array a class."""

import re
import zipfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from kpp_tf.data import fitting
from kpp_tf.data.collection import Collection, split_of
from kpp_tf.errors import UserError

SUFFIXES = (".npy", ".npz")
_IMAGES = {"x", "data", "image", "images"}
_LABELS = {"y", "label", "labels", "target", "targets"}


def read(path: Path, image_shape: tuple[int, int, int], split: str = "") -> Collection:
    """Reads a file of arrays; see `Collection`.

    Names of arrays in a .npz say what they are: "images" and "labels" (or "x" and "y"),
    with a split before or after ("x_train", "val_labels"). A single array holds images,
    whatever its name. Else every array holds the images of the class that it is named
    after. Arrays are what `fitting.as_pictures` takes.

    Args:
      path: of the file.
      image_shape: what every image is cropped, resized and made grey or colour to.
      split: of all images; "" where the file may say.

    Raises:
      UserError: if the file or an array is none of these; names it.
    """
    arrays = _arrays(path)
    roles = {name: _role(name) for name in arrays}
    if len(arrays) == 1:
        (name,) = arrays
        roles = {name: ("images", roles[name][1])}
    elif all(re.fullmatch(r"arr_\d+", name) for name in arrays):
        raise UserError(
            f"Arrays of {path} need names: 'images' and 'labels', or those of classes. "
            f"Received: {sorted(arrays)}"
        )
    by_class = not all(role for role, _ in roles.values())
    images, keys, classes, splits, enlarged = [], [], [], [], 0
    for name, array in sorted(arrays.items()):
        role, of_split = ("images", "") if by_class else roles[name]
        if role != "images":
            continue
        where = f"the array {name!r} of {path}"
        pictures = fitting.as_pictures(array, where)
        height, width = pictures.shape[1:3]
        if fitting.is_enlarged(height, width, image_shape):
            enlarged += len(pictures)
        images.append(fitting.fit(tf.constant(pictures), image_shape).numpy())
        keys += [f"{name}/{row}" for row in range(len(pictures))]
        splits += [split or of_split] * len(pictures)
        if by_class:
            classes += [name] * len(pictures)
        elif ("labels", of_split) in roles.values():
            labels = _labels(arrays, roles, of_split, path)
            if len(labels) != len(pictures):
                raise UserError(
                    f"{where} must have a label for each of its {len(pictures)} "
                    f"images. Received: {len(labels)} labels"
                )
            classes += labels
    if not images or (classes and len(classes) != len(keys)):
        raise UserError(
            f"{path} must hold images, and labels for all of them or for none. "
            f"Received: {sorted(arrays)}"
        )
    fitting.warn_of_enlarged(path, enlarged, len(keys), image_shape)
    return Collection(np.concatenate(images), keys, classes, splits)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        contents = np.load(path, allow_pickle=False)
        if isinstance(contents, np.ndarray):
            return {path.stem: contents}
        with contents:
            arrays = {name: contents[name] for name in contents.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path} cannot be read as arrays of numbers. Received: {error}"
        ) from error
    if not arrays:
        raise UserError(f"{path} has no classes and no images. Received: no arrays")
    return arrays


def _role(name: str) -> tuple[str, str]:
    """("images", "labels" or "", split) that an array's name says."""
    words = [word for word in re.split("[^a-z]+", name.lower()) if word]
    splits = [split_of(word) for word in words if split_of(word)]
    rest = {word for word in words if not split_of(word)}
    if len(splits) > 1 or len(rest) != 1:
        return "", ""
    role = "images" if rest <= _IMAGES else "labels" if rest <= _LABELS else ""
    return role, splits[0] if splits else ""


def _labels(arrays, roles, split: str, path: Path) -> list[str]:
    (name,) = [name for name, role in roles.items() if role == ("labels", split)]
    labels = arrays[name]
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "biuSU":
        raise UserError(
            f"The array {name!r} of {path} must be one whole number or text an image. "
            f"Received: {labels.dtype} {labels.shape}"
        )
    width = len(str(labels.max())) if labels.dtype.kind in "iu" else 0
    return [str(label).zfill(width) for label in labels.tolist()]

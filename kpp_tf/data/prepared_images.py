"""Data sets whose prepared TFDS images are used as they are, or fitted to a shape."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from ml_collections import ConfigDict

from kpp_tf.data import prepared
from kpp_tf.data.own import pixels
from kpp_tf.data.own.collection import Collection
from kpp_tf.data.own.splits import select, split_of
from kpp_tf.data.table import ImageTable
from kpp_tf.errors import UserError

PREFIX = "tfds:"


class _DataSet(NamedTuple):
    """A data set that is known.

    Attributes:
      splits: our split -> the split in TFDS's language.
      labelled: whether it has the feature "label".
      binary: whether its pixels are 0 and 1.
    """

    splits: Mapping[str, str]
    labelled: bool = True
    binary: bool = False


def _held_out(count: int) -> dict[str, str]:
    """Splits of a data set that has no validation split: the last of train."""
    return {
        "train": f"train[:-{count}]",
        "validation": f"train[-{count}:]",
        "test": "test",
    }


KNOWN = {
    "binarized_mnist": _DataSet(
        {split: split for split in ("train", "validation", "test")},
        labelled=False,
        binary=True,
    ),
    "mnist": _DataSet(_held_out(10_000)),
    "fashion_mnist": _DataSet(_held_out(10_000)),
    "cifar10": _DataSet(_held_out(5_000)),
}


def load(data_config: ConfigDict, split: str, data_dir: str | None) -> ImageTable:
    """Loads a split of a data set of `KNOWN`: see `sources.load_images`.

    Raises:
      UserError: if a binary data set has grey pixels, or a file is damaged.
    """
    name = data_config.name
    source = KNOWN[name]
    keys = ("image", "label") if source.labelled else ("image",)
    folder = prepared.find(name, data_dir)
    tfds_split = "+".join(source.splits[part] for part in split.split("+"))
    arrays = prepared.read(folder, tfds_split, keys)
    images = arrays["image"]
    if source.binary:
        if images.max() > 1:
            raise UserError(
                f"{folder} must hold pixels that are 0 or 1. "
                f"Received: {images.max()} in the split {split!r}"
            )
        images = images * np.uint8(255)
    return ImageTable(
        images=images,
        labels=arrays["label"].astype(np.int64) if source.labelled else None,
        levels=2 if source.binary else 256,
        name=name,
        split=split,
    )


def load_any(data_config: ConfigDict, split: str, data_dir: str | None) -> ImageTable:
    """Loads a split of any prepared TFDS data set that has images: "tfds:NAME".

    Its images are fitted to `image_shape`, and classes are those of its one feature
    that is a class label. `splits.select` says what the splits are, and
    `sources.load_images` what the arguments are.

    Raises:
      UserError: if it is not prepared, or has no image, or several.
    """
    name = data_config.name.removeprefix(PREFIX)
    if not re.fullmatch(r"\w+(/[\w.-]+)?", name) or ".." in name:
        raise UserError(
            "A TFDS data set is named tfds:NAME or tfds:NAME/CONFIG. "
            f"Received: config.data.name={data_config.name!r}"
        )
    folder = prepared.find(name, data_dir)
    info = prepared.open_folder(folder).info
    image = _feature(info, tfds.features.Image)
    label = _feature(info, tfds.features.ClassLabel)
    if image is None or info.features[image].np_dtype != np.uint8:
        raise UserError(
            f"{folder / 'features.json'} must have one feature that is an image of "
            f"8 bits, or one of that kind named 'image'. Received: {info.features}"
        )
    shape = tuple(data_config.image_shape)

    def transform(example):
        return {**example, image: pixels.fit(example[image], shape, data_config.ground)}

    images, keys, classes, splits = [], [], [], []
    for part, about in info.splits.items():
        if not about.num_examples or not (split_of(part) or len(info.splits) == 1):
            continue
        wanted = (image, label) if label else (image,)
        arrays = prepared.read(folder, part, wanted, transform)
        images.append(arrays[image])
        keys += [f"{part}/{row}" for row in range(about.num_examples)]
        splits += [split_of(part)] * about.num_examples
        if label:
            names = info.features[label].names
            # TFDS numbers the images without a label -1.
            of = [names[n] if n >= 0 else "unlabelled" for n in arrays[label]]
            classes += [name.replace("/", "-") for name in of]
    if not images:
        raise UserError(
            f"{folder} has no split named train, validation or test. "
            f"Received: {sorted(info.splits)}"
        )
    collection = Collection(np.concatenate(images), keys, classes, splits)
    return select(collection, data_config, split, data_config.name)


def _feature(info, kind: type) -> str | None:
    """The one feature of a kind, or the one of these by its usual name."""
    names = [name for name, of in info.features.items() if isinstance(of, kind)]
    usual = sorted({"image", "label"} & set(names))
    chosen = names if len(names) == 1 else usual
    return chosen[0] if chosen else None

"""Images of data sets that TFDS has prepared: a few known ones, and any other."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from ml_collections import ConfigDict

from kpp_tf.data import image_cache, tfds_files
from kpp_tf.data.image_table import ImageTable, is_black_and_white
from kpp_tf.data.own import pixels
from kpp_tf.data.own.splits import choose, split_of
from kpp_tf.errors import UserError

PREFIX = "tfds:"


class _DataSet(NamedTuple):
    """A known data set.

    Attributes:
      splits: our split -> the split in TFDS's language.
      labelled: whether it has the feature "label".
      binary: whether its pixels are 0 and 1.
    """

    splits: Mapping[str, str]
    labelled: bool = True
    binary: bool = False


def _held_out(count: int) -> dict[str, str]:
    """Splits of a data set without a validation split: the last images of train."""
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


def load_known(data_config: ConfigDict, split: str, data_dir: str | None) -> ImageTable:
    """Loads a split of a data set of `KNOWN`; see `registry.load_images`.

    Raises:
      UserError: if a binary data set has grey pixels, or a file is damaged.
    """
    name = data_config.name
    source = KNOWN[name]
    keys = ("image", "label") if source.labelled else ("image",)
    folder = tfds_files.find(name, data_dir)
    tfds_split = "+".join(source.splits[part] for part in split.split("+"))
    arrays = tfds_files.read(folder, tfds_split, keys)
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

    The images are cropped and resized to `image_shape` while they are read, and kept
    in a file: a data set may be larger than the memory. Classes are those of its one
    feature that is a class label. `splits.choose` says what the splits are, and
    `registry.load_images` what the arguments are.

    Returns:
      A table of memory-mapped images.

    Raises:
      UserError: if the data set is not prepared, or has no image, or several.
    """
    name = data_config.name.removeprefix(PREFIX)
    if not re.fullmatch(r"\w+(/[\w.-]+)?", name) or ".." in name:
        raise UserError(
            "A TFDS data set is named tfds:NAME or tfds:NAME/CONFIG. "
            f"Received: config.data.name={data_config.name!r}"
        )
    folder = tfds_files.find(name, data_dir)
    info = tfds_files.open_folder(folder).info
    image = _feature(info, tfds.features.Image)
    label = _feature(info, tfds.features.ClassLabel)
    if image is None or info.features[image].np_dtype != np.uint8:
        raise UserError(
            f"{folder / 'features.json'} must have one feature that is an image of "
            f"8 bits, or one of that kind named 'image'. Received: {info.features}"
        )
    sizes = {
        part: about.num_examples
        for part, about in info.splits.items()
        if about.num_examples and (split_of(part) or len(info.splits) == 1)
    }
    if not sizes:
        raise UserError(
            f"{folder} has no split named train, validation or test. "
            f"Received: {sorted(info.splits)}"
        )
    keys = [f"{part}/{row}" for part, size in sizes.items() for row in range(size)]
    splits = [split_of(part) for part, size in sizes.items() for _ in range(size)]
    classes: list[str] = []
    if label:
        # The name of each label, and, last, of -1: TFDS's number for no label.
        names = [name.replace("/", "-") for name in info.features[label].names]
        names.append("unlabelled")
        for part in sizes:
            numbers = tfds_files.read(folder, part, (label,))[label]
            classes += [names[number] for number in numbers]
    chosen = choose(keys, classes, splits, data_config, split, data_config.name)
    shape = tuple(data_config.image_shape)
    wanted = np.zeros(len(keys), bool)
    wanted[chosen.rows] = True

    def transform(example: tfds_files.Example) -> tfds_files.Example:
        return {image: pixels.fit(example[image], shape, data_config.ground)}

    def images() -> Iterator[np.ndarray]:
        first = 0
        for part, size in sizes.items():
            rows = wanted[first : first + size]
            first += size
            if rows.any():
                found = tfds_files.batches(folder, part, (image,), transform, rows)
                yield from (batch[image] for batch in found)

    decoded = image_cache.memory_mapped(
        folder,
        f"{name}_{shape[0]}x{shape[1]}_{split}",
        f"{tfds_files.metadata(folder)} {image} {chosen.rows.tolist()}",
        (len(chosen.rows), *shape),
        images,
    )
    return chosen.table(decoded, 2 if is_black_and_white(decoded) else 256)


def _feature(info: tfds.core.DatasetInfo, kind: type) -> str | None:
    """The one feature of a kind, or the one of these with its usual name."""
    names = [name for name, of in info.features.items() if isinstance(of, kind)]
    usual = sorted({"image", "label"} & set(names))
    chosen = names if len(names) == 1 else usual
    return chosen[0] if chosen else None

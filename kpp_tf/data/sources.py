"""The data sets, by name: each as one table of images a split."""

import dataclasses
from collections.abc import Callable

import numpy as np
from ml_collections import ConfigDict

from kpp_tf import likelihoods
from kpp_tf.data import (
    celeb_a,
    glyphs,
    gqn_mazes,
    imagenet32,
    omniglot28,
    prepared_images,
)
from kpp_tf.data.burda_omniglot.load import load as load_burda_omniglot
from kpp_tf.data.mazes.load import load as load_mazes
from kpp_tf.data.own import load as own_images
from kpp_tf.data.own.pixels import THRESHOLD
from kpp_tf.data.own.splits import SPLITS
from kpp_tf.data.table import ImageTable
from kpp_tf.errors import UserError


def _by_split(load: Callable[[str, str | None], ImageTable]):
    return lambda data_config, split, data_dir: load(split, data_dir)


def _by_size(load: Callable[[str, str | None, int], ImageTable]):
    return lambda data_config, split, data_dir: load(
        split, data_dir, int(data_config.image_shape[0])
    )


_LOADERS: dict[str, Callable[[ConfigDict, str, str | None], ImageTable]] = {
    "glyphs": lambda data_config, split, data_dir: glyphs.load(split),
    "omniglot28": _by_split(omniglot28.load),
    "burda_omniglot": _by_split(load_burda_omniglot),
    "celeb_a": _by_split(celeb_a.load),
    "imagenet32": _by_split(imagenet32.load),
    **dict.fromkeys(prepared_images.KNOWN, prepared_images.load),
    "mazes": _by_size(load_mazes),
    "gqn_mazes": _by_size(gqn_mazes.load),
}
DATA_SETS = tuple(sorted(_LOADERS))


def _loader(name: str, data_dir: str | None):
    if name in _LOADERS:
        return _LOADERS[name]
    if name.startswith(prepared_images.PREFIX):
        return prepared_images.load_any
    if any(place.exists() for place in own_images.places(name, data_dir)):
        return own_images.load
    raise UserError(
        f"config.data.name knows {list(DATA_SETS)}, tfds:NAME of any prepared data "
        "set, and the place of own images: a folder, a .npy or a .npz. There is "
        f"nothing at {' or '.join(map(str, own_images.places(name, data_dir)))}. "
        f"Received: {name!r}"
    )


def load_images(
    data_config: ConfigDict, split: str, data_dir: str | None = None
) -> ImageTable:
    """Loads all images of a split. Never uses the network.

    Args:
      data_config: `config.data`; uses `name`, `image_shape`, for own images what
        `own_images.load` says, `invert` (black becomes white) and then `binarize`:
        "none" leaves the images as they are, "fixed" makes pixels from 128 up
        white and the others black, once, and "dynamic" leaves the table grey while
        the episodes made from it hold fresh Bernoulli draws of its pixels.
      split: "train", "validation" or "test", or several joined by "+".
      data_dir: folder of prepared TFDS data sets; default: the environment's
        TFDS_DATA_DIR, else TFDS's own default.

    Returns:
      The table.

    Raises:
      UserError: if the config is wrong, a file damaged or the data not there; says how
        to get it.
    """
    name = data_config.name
    load = _loader(name, data_dir)
    parts = split.split("+")
    if not set(parts) <= set(SPLITS) or len(set(parts)) < len(parts):
        raise UserError(
            f"A split is one of {list(SPLITS)}, or several joined by '+'. "
            f"Received: {split!r}"
        )
    table = load(data_config, split, data_dir)
    if table.image_shape != tuple(data_config.image_shape):
        raise UserError(
            f"Images of {name!r} are {table.image_shape}; set config.data.image_shape "
            f"so. Received: {tuple(data_config.image_shape)}"
        )
    if data_config.invert:
        table = dataclasses.replace(table, images=255 - table.images)
    return _binarized(table, data_config.binarize)


def load_scored(
    config: ConfigDict, split: str, data_dir: str | None = None
) -> ImageTable:
    """Loads a split that the config's model is trained on or scored by.

    Args:
      config: the whole config; uses `data` and `model.likelihood`.
      split: see `load_images`.
      data_dir: see `load_images`.

    Raises:
      UserError: if the likelihood is not one of images with so many levels: a Bernoulli
        of grey values gives a figure that is no bound, three times too good.
    """
    table = load_images(config.data, split, data_dir)
    name = config.model.likelihood
    if likelihoods.get(name).levels == table.levels:
        return table
    if table.levels == 2:
        remedy = "Set config.model.likelihood='bernoulli'"
        if config.data.binarize != "none":
            remedy += ", or keep the levels with config.data.binarize='none'"
    else:
        remedy = "Keep the levels with config.model.likelihood='logistic_mixture'"
        if table.image_shape[-1] == 1:
            remedy += ", or binarize with config.data.binarize='fixed' or 'dynamic'"
    raise UserError(
        f"Pixels of the {table.split!r} split of {table.name!r} have {table.levels} "
        f"levels, of which {name!r} is no likelihood. {remedy}. Received: "
        f"config.model.likelihood={name!r}, "
        f"config.data.binarize={config.data.binarize!r}"
    )


def _binarized(table: ImageTable, binarize: str) -> ImageTable:
    if binarize not in ("none", "fixed", "dynamic"):
        raise UserError(
            "config.data.binarize is 'none', 'fixed' or 'dynamic'. "
            f"Received: {binarize!r}"
        )
    if binarize == "none" or table.levels == 2:
        return table
    if table.image_shape[-1] != 1:
        raise UserError(
            f"Only grey images are binarized; those of {table.name!r} have "
            f"{table.image_shape[-1]} channels. "
            f"Received: config.data.binarize={binarize!r}"
        )
    images = table.images
    if binarize == "fixed":
        images = (images >= THRESHOLD) * np.uint8(255)
    return dataclasses.replace(table, images=images, levels=2)

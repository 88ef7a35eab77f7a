"""The data sets, by name: each split as one table of images."""

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np
from ml_collections import ConfigDict

from kpp_tf import likelihoods
from kpp_tf.data import glyphs, image_cache, omniglot, tfds_images
from kpp_tf.data.image_table import WHITE_FROM, ImageTable, portions
from kpp_tf.data.mazes.load import load as load_mazes
from kpp_tf.data.own import load as own
from kpp_tf.data.own.splits import SPLITS
from kpp_tf.errors import UserError

Loader = Callable[[ConfigDict, str, str | None], ImageTable]

_LOADERS: dict[str, Loader] = {
    "glyphs": lambda _, split, data_dir: glyphs.load(split),
    "omniglot28": lambda _, split, data_dir: omniglot.load(split, data_dir),
    "burda_omniglot": lambda _, split, data_dir: omniglot.load_burda(split, data_dir),
    "mazes": lambda data_config, split, data_dir: load_mazes(
        split, data_dir, int(data_config.image_shape[0])
    ),
    **dict.fromkeys(tfds_images.KNOWN, tfds_images.load_known),
}
DATA_SETS = tuple(sorted(_LOADERS))


def load_images(
    data_config: ConfigDict, split: str, data_dir: str | None = None
) -> ImageTable:
    """Loads all images of a split. Never uses the network.

    Args:
      data_config: `config.data`; uses `name`, `image_shape`, for own images the fields
        that `own.load.load` names, `invert` (black becomes white) and then
        `binarize`: "none" leaves the images as they are, "fixed" makes pixels from
        `WHITE_FROM` up white and the others black, once, and "dynamic" leaves the table
        grey while the episodes made from it hold fresh Bernoulli draws of its pixels.
      split: "train", "validation" or "test", or several joined by "+".
      data_dir: folder of prepared TFDS data sets; default: the environment's
        TFDS_DATA_DIR, else TFDS's own default.

    Returns:
      The table.

    Raises:
      UserError: if the config is wrong, a file damaged or the data missing; says how
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
            f"to that. Received: {tuple(data_config.image_shape)}"
        )
    return _toned(table, data_config.invert, data_config.binarize)


def load_scored(
    config: ConfigDict, split: str, data_dir: str | None = None
) -> ImageTable:
    """Loads a split that the config's model is trained on or scored by.

    Args:
      config: the whole config; uses `data` and `model.likelihood`.
      split: see `load_images`.
      data_dir: see `load_images`.

    Raises:
      UserError: if the likelihood is for another number of levels: a Bernoulli of grey
        values gives a figure that is no bound, three times too good.
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
        f"levels, and {name!r} is not a likelihood of these. {remedy}. Received: "
        f"config.model.likelihood={name!r}, "
        f"config.data.binarize={config.data.binarize!r}"
    )


def _loader(name: str, data_dir: str | None) -> Loader:
    if name in _LOADERS:
        return _LOADERS[name]
    if name.startswith(tfds_images.PREFIX):
        return tfds_images.load_any
    if any(place.exists() for place in own.places(name, data_dir)):
        return own.load
    raise UserError(
        f"config.data.name knows {list(DATA_SETS)}, tfds:NAME of any prepared data "
        "set, and own images by their path: a folder, a .npy or a .npz. There is "
        f"nothing at {' or '.join(map(str, own.places(name, data_dir)))}. "
        f"Received: {name!r}"
    )


def _toned(table: ImageTable, invert: bool, binarize: str) -> ImageTable:
    """The table, inverted and binarized as the config asks."""
    if binarize not in ("none", "fixed", "dynamic"):
        raise UserError(
            "config.data.binarize is 'none', 'fixed' or 'dynamic'. "
            f"Received: {binarize!r}"
        )
    binarized = binarize != "none" and table.levels > 2
    if binarized and table.image_shape[-1] != 1:
        raise UserError(
            f"Only grey images are binarized; {table.name!r} has "
            f"{table.image_shape[-1]} channels. "
            f"Received: config.data.binarize={binarize!r}"
        )
    tones = np.arange(256, dtype=np.uint8)  # what each level becomes
    if invert:
        tones = tones[::-1]
    if binarized and binarize == "fixed":
        tones = (tones >= WHITE_FROM) * np.uint8(255)
    images = table.images
    if np.any(tones != np.arange(256)):
        images = _mapped(images, tones)
    return dataclasses.replace(
        table, images=images, levels=2 if binarized else table.levels
    )


def _mapped(images: np.ndarray, tones: np.ndarray) -> np.ndarray:
    """`tones[images]`; images on disk stay there, in another file."""
    if not isinstance(images, np.memmap):
        return tones[images]
    source = pathlib.Path(str(images.filename))
    return image_cache.memory_mapped(
        source.parent.parent,
        source.stem,
        str(tones.tolist()),
        images.shape,
        lambda: (tones[portion] for portion in portions(images)),
    )

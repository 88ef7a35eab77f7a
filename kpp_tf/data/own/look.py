"""What kind of images own data holds, seen on a few of them."""

from __future__ import annotations

import numpy as np
from ml_collections import ConfigDict

from kpp_tf.data.own import folder, load
from kpp_tf.data.own.options import Options
from kpp_tf.data.registry import DATA_SETS, load_images

_SIDE = 28
_COUNT = 64
_TINT = 48  # levels between channels; yellow paper has fewer
_DARK, _LIGHT = 32, 224


def shares(data_config: ConfigDict, data_dir: str | None) -> tuple[float, float]:
    """Shares of the pixels that have a colour, and that are neither black nor white.

    Args:
      data_config: `config.data`; uses `name` and the fields of `Options`.
      data_dir: see `registry.load_images`.
    """
    small = data_config.copy_and_resolve_references()
    name = small.name
    if name not in DATA_SETS:
        small.image_shape = (_SIDE, _SIDE, 3)
    small.update({"binarize": "none", "split_by": "image"})
    path = None if name in DATA_SETS or ":" in name else load.find(name, data_dir)
    if path is None:
        images = load_images(small, "train+validation+test", data_dir).images
    elif load.array_files(path):
        images = load.read(path, Options.of(small)).images
    else:
        listed = folder.listing(path)
        step = max(1, len(listed.files) // _COUNT)
        few = listed._replace(files=listed.files[::step])
        images = folder.read(few, Options.of(small)).images
    images = images[:: max(1, len(images) // _COUNT)]
    tint = images.max(axis=-1).astype(int) - images.min(axis=-1)
    between = (images > _DARK) & (images < _LIGHT)
    return float(np.mean(tint > _TINT)), float(between.mean())

"""Numbers about a split, to look at before anything is trained on it."""

import math
from typing import Any

import numpy as np

from kpp_tf.data.table import ImageTable

_PORTION = 4096  # Images whose pixels are summed at a time.


def moments(images: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of all pixels, on the scale [0, 1].

    Args:
      images: uint8 [N, H, W, C]; read in portions, so that it may lie on disk.
    """
    counts = np.zeros(256, np.int64)
    for start in range(0, len(images), _PORTION):
        portion = np.asarray(images[start : start + _PORTION])
        counts += np.bincount(portion.reshape(-1), minlength=256)
    values = np.arange(256) / 255
    mean = float(counts @ values / counts.sum())
    variance = float(counts @ (values - mean) ** 2 / counts.sum())
    return mean, math.sqrt(variance)


def describe(table: ImageTable) -> dict[str, Any]:
    """Name, size and shape of a split, moments of its pixels, numbers of its labels."""
    mean, deviation = moments(table.images)
    return {
        "name": table.name,
        "split": table.split,
        "images": len(table),
        "image_shape": list(table.image_shape),
        "levels": table.levels,
        "mean": mean,
        "standard_deviation": deviation,
        "classes": None if table.labels is None else len(np.unique(table.labels)),
        "groups": {name: len(np.unique(of)) for name, of in table.groups.items()},
    }

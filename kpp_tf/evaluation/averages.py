"""Means over images with standard errors over episodes."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from kpp_tf import likelihoods
from kpp_tf.evaluation.scorer import Scorer


class Totals:
    """Sums over the images of each episode.

    Images of an episode share a memory, so only episodes are independent. The standard
    error is the one of a ratio of two sums over E episodes,

        se^2 = E / (E - 1) sum_e (s_e - n_e mean)^2 / (sum_e n_e)^2.
    """

    def __init__(self) -> None:
        self._sums: dict[str, list[np.ndarray]] = {}
        self._counts: list[np.ndarray] = []

    def add(self, numbers: Mapping[str, tf.Tensor], scored: tf.Tensor) -> None:
        """Adds a batch of episodes; episodes without a scored image are left out.

        Args:
          numbers: by name, each [B, T]; the same names every time.
          scored: [B, T], 1 for the images that count.
        """
        scored = np.asarray(scored, np.float64)
        rows = np.flatnonzero(scored.sum(axis=1))
        self._counts.append(scored.sum(axis=1)[rows])
        for name, values in numbers.items():
            counted = np.where(scored > 0, np.asarray(values, np.float64) * scored, 0.0)
            sums = counted.sum(axis=1)
            self._sums.setdefault(name, []).append(sums[rows])

    @property
    def images(self) -> int:
        """Number of images added."""
        return int(sum(counts.sum() for counts in self._counts))

    def mean(self, name: str) -> tuple[float, float | None]:
        """(mean over images, its standard error; None for a single episode).

        Raises:
          ValueError: if no image was added.
        """
        if not self.images:
            raise ValueError("the data set holds no image to evaluate")
        sums, counts = np.concatenate(self._sums[name]), np.concatenate(self._counts)
        mean, episodes = sums.sum() / counts.sum(), len(counts)
        if episodes < 2:
            return float(mean), None
        variance = np.sum((sums - counts * mean) ** 2) * episodes / (episodes - 1)
        return float(mean), float(np.sqrt(variance) / counts.sum())

    def means(self) -> dict[str, float]:
        """Every mean by name."""
        return {name: self.mean(name)[0] for name in self._sums}


def unit(model: Scorer) -> tuple[str, float]:
    """The unit of a model's bounds, and its size in nats/image.

    Returns:
      ("nats/image", 1.0) for binary images, ("bits/dim", 1 / (dims ln 2)) for images
      of 256 levels.
    """
    if model.likelihood_name == "bernoulli":
        return "nats/image", 1.0
    dims = int(np.prod(model.image_shape))
    return "bits/dim", likelihoods.bits_per_dim(1.0, dims)


def figure(totals: Totals, name: str, model: Scorer) -> dict:
    """`value`, `standard_error` and `unit` of a bound that was added in nats/image."""
    name_of_unit, factor = unit(model)
    value, error = totals.mean(name)
    return {
        "value": value * factor,
        "standard_error": None if error is None else error * factor,
        "unit": name_of_unit,
    }

"""Images as pixels: draws, and distances."""

import numpy as np
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.models import MemoryModel


def drawn(model: MemoryModel, means: tf.Tensor, seeds: tf.Tensor) -> np.ndarray:
    """Images as the data has them: Bernoulli draws of binary ones, else the means.

    Args:
      model: whose images they are.
      means: [B, N, H, W, C] in [0, 1].
      seeds: int32 [B, 2].

    Returns:
      float32, the same shape.
    """
    if model.likelihood_name != "bernoulli":
        return np.asarray(means)
    shape = tuple(means.shape[1:])
    chance = noise.uniform(seeds, shape, noise.Stream.DRAWS)
    return (chance < means).numpy().astype(np.float32)


def likeliest(model: MemoryModel, means: tf.Tensor) -> np.ndarray:
    """The likeliest images: means, rounded to 0 and 1 where images are binary."""
    means = np.asarray(means)
    return np.rint(means) if model.likelihood_name == "bernoulli" else means


def distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Mean absolute difference of a pixel, in [0, 1], of every pair.

    For images of 0 and 1 this is the share of pixels that differ (Hamming).

    Args:
      first: [N, H, W, C] in [0, 1].
      second: [M, H, W, C] in [0, 1].

    Returns:
      [N, M].
    """
    flat = second.reshape(len(second), -1)
    return np.stack([np.abs(image.ravel() - flat).mean(axis=1) for image in first])


def nearest(images: np.ndarray, written: np.ndarray) -> np.ndarray:
    """Distance of each image to the nearest written one: [N], 0 for a copy."""
    return distances(images, written).min(axis=1)


def diversity(images: np.ndarray) -> float:
    """Mean distance of two different images of a set [N, H, W, C], N > 1."""
    between = distances(images, images)
    return float(between.sum() / (len(images) * (len(images) - 1)))


def rows(images: np.ndarray) -> np.ndarray:
    """[B, N, H, W, C] to [B * N, H, W, C]."""
    return np.reshape(images, (-1, *images.shape[2:]))

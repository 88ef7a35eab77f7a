"""Iterative inference: an image read again and again moves to what is stored."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kpp_tf.models import Memory, MemoryModel


class Refinement(NamedTuple):
    """Images along iterative inference.

    Attributes:
      images: float32 [steps + 1, B, N, H, W, C] in [0, 1]; the first as given.
      nll: float32 [steps + 1, B, N], -ln p(image | M, its reading), nats: how well
        the memory explains the image; see `reading_nll`.
    """

    images: np.ndarray
    nll: np.ndarray


def refine_repeatedly(
    model: MemoryModel,
    memory: Memory,
    images: tf.Tensor,
    steps: int = 6,
) -> Refinement:
    """Applies `model.refine` again and again.

    Args:
      model: with trained weights.
      memory: B memories.
      images: float32 [B, N, H, W, C] in [0, 1], generated or damaged.
      steps: number of readings.
    """
    refine = tf.function(model.refine)
    path, nll = [tf.convert_to_tensor(images)], []
    for step in range(steps + 1):
        reading = refine(memory, path[-1])
        nll.append(reading_nll(model, path[-1], reading))
        if step < steps:
            path.append(reading)
    return Refinement(tf.stack(path).numpy(), tf.stack(nll).numpy())


def reading_nll(model: MemoryModel, images: tf.Tensor, reading: tf.Tensor) -> tf.Tensor:
    """Distance of images from what the memory reads back for them.

    Binary images: the cross-entropy of the image, rounded to {0, 1}, under the reading,
    -sum x ln r + (1 - x) ln (1 - r), nats. Images of 256 levels: half the squared
    distance in units of a level, divided by 255, pixels.

    Args:
      model: decides which of the two.
      images: [B, N, H, W, C] in [0, 1].
      reading: the same shape.

    Returns:
      float32 [B, N].
    """
    axes = [-3, -2, -1]
    if model.likelihood_name == "bernoulli":
        binary = tf.round(images)
        safe = tf.clip_by_value(reading, 1e-6, 1 - 1e-6)
        log_prob = binary * tf.math.log(safe) + (1 - binary) * tf.math.log(1 - safe)
        return -tf.reduce_sum(log_prob, axis=axes)
    return 0.5 * 255 * tf.reduce_sum((images - reading) ** 2, axis=axes)

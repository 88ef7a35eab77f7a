"""What the models with a Gaussian memory share: draws of M and its KL an image."""

import tensorflow as tf

from kpp_tf import noise
from kpp_tf.layers import linear_gaussian
from kpp_tf.layers.linear_gaussian import GaussianMemory
from kpp_tf.models import gaussians


def draw(
    memory: GaussianMemory, seeds: tf.Tensor, temperature: tf.Tensor | None = None
) -> tf.Tensor:
    """One sample of M an episode, reparametrised.

    Args:
      memory: q(M).
      seeds: int32 [B, 2].
      temperature: [B], factor of the standard deviation; 1 where it is None.

    Returns:
      float32 [B, S, D].
    """
    shape = tuple(tf.unstack(tf.shape(memory.mean)[1:]))
    drawn = noise.normal(seeds, shape, noise.Stream.MEMORY)
    return linear_gaussian.sample(memory, gaussians.tempered(drawn, temperature))


def kl_per_image(
    kl: tf.Tensor, episode: tf.Tensor, mask: tf.Tensor | None
) -> tf.Tensor:
    """Shares the KL of a memory evenly among the real images of its episode.

    Args:
      kl: float32 [B], nats an episode.
      episode: [B, T, ...].
      mask: [B, T], or None where all images are real.

    Returns:
      float32 [B, T], nats an image; its sum over real images is `kl`.
    """
    real = tf.ones(tf.shape(episode)[:2]) if mask is None else mask
    count = tf.reduce_sum(real, axis=1)
    return tf.math.divide_no_nan(kl, count)[:, None] * real

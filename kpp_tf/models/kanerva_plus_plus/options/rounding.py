"""Training for a memory that is stored in fewer bits (`model.rounding`)."""

import tensorflow as tf

from kpp_tf import noise
from kpp_tf.models.kanerva_plus_plus.memory import Memory


def with_rounding_noise(memory: Memory, share: float, seeds: tf.Tensor) -> Memory:
    """Adds uniform noise that simulates storage in fewer bits.

    Args:
      memory: B memories.
      share: width of the noise, as a share of the largest number in each channel.
        Rounding to 8 bits moves a number by half of 1/127 at most, to either side.
      seeds: int32 [B, 2].
    """
    largest = tf.reduce_max(tf.abs(memory.cells), axis=[1, 2], keepdims=True)
    shape = tuple(tf.unstack(tf.shape(memory.cells)[1:]))
    drawn = noise.uniform(seeds, shape, noise.Stream.MEMORY) - 0.5
    drawn *= memory.coverage[..., tf.newaxis]
    return memory._replace(cells=memory.cells + share * largest * drawn)

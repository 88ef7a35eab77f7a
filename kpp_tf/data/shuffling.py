"""Seeds and orders of images that are functions of (seed, use, number) alone.

They are of int64 positions in a data set, and of tf.data; the noise of models is made
in `kpp_tf.noise`.
"""

import numpy as np
import tensorflow as tf

# Uses of randomness; no two share a stream.
MODEL, ORDER, MEMBERS, BINARIZE, AUGMENT, LENGTH = range(6)


def stream(seed: int, use: int, number: tf.Tensor) -> tf.Tensor:
    """A stateless seed for one use of randomness in one numbered thing."""
    key = tf.constant([seed % 2**31, use], tf.int64)
    return tf.random.experimental.stateless_fold_in(key, number, alg="philox")


def shuffled(position: tf.Tensor, count: int | tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Where the bijection of 0..count-1 that `seed` chooses takes `position`.

    Args:
      position: int64 [...].
      count: int64, scalar or of the shape of `position`.
      seed: int64 [..., 3].

    Returns:
      int64 [...].
    """
    # tf.random.experimental.index_shuffle wraps this, but takes one seed only, and
    # its 4 rounds leave the orders of neighbouring epochs correlated.
    return tf.raw_ops.RandomIndexShuffle(
        index=position, seed=seed, max_index=tf.cast(count, tf.int64) - 1, rounds=8
    )


def epoch_order(seed: int, position: tf.Tensor, count: int) -> tf.Tensor:
    """The image at each training position; each epoch of `count` has its own order."""
    epoch = position // count
    same = tf.ones_like(epoch)
    key = tf.stack([same * (seed % 2**31), same * ORDER, epoch], axis=-1)
    return shuffled(position % count, count, key)


def permutation(count: int, seed: int, use: int) -> np.ndarray:
    """A permutation of 0..count-1, the same with every version of NumPy."""
    words = np.random.Philox(key=[seed % 2**64, use]).random_raw(count)
    return np.argsort(words, kind="stable").astype(np.int64)

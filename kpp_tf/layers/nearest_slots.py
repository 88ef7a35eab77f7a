"""Finds the slot of a memory that holds what resembles a query."""

import tensorflow as tf

SAME_CONTENT = 1e-3  # slots whose distances differ by less, relatively, hold the same


def nearest_slots(stored: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """Which stored block lies nearest to each wanted one, by squared distance.

    A slot that nobody wrote holds exactly 0, and resembles nothing. Where several hold
    the same, the first is taken, so that rounding, which depends on the batch, does not
    choose.

    Args:
      stored: [B, N, F], the blocks at N slots.
      wanted: [B, Q, F], the blocks of Q queries.

    Returns:
      int32 [B, Q], numbers of slots.
    """
    stored, wanted = tf.cast(stored, tf.float32), tf.cast(wanted, tf.float32)
    norm = tf.reduce_sum(stored**2, axis=-1)
    norm = tf.where(norm > 0, norm, tf.fill(tf.shape(norm), tf.float32.max))
    distance = norm[:, None, :] - 2 * tf.matmul(wanted, stored, transpose_b=True)
    least = tf.reduce_min(distance, axis=-1, keepdims=True)
    near = distance <= least + SAME_CONTENT * tf.abs(least)
    count = tf.shape(stored)[1]
    return tf.reduce_min(tf.where(near, tf.range(count), count - 1), axis=-1)

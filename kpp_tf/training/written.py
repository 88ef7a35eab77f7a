"""The frames of an episode that a training step writes; others are only scored."""

import tensorflow as tf

from kpp_tf import noise


def draw_written(seeds: tf.Tensor, mask: tf.Tensor, all_written: float) -> tf.Tensor:
    """Draws the number n of written frames of each episode.

    With probability `all_written` every real frame is written, otherwise n is uniform
    on 0..N for N real frames. The first n are written: episodes are in random order
    already, and a causal encoder sees their beginning.

    Args:
      seeds: int32 [B, 2].
      mask: [B, T], 1 for a real image and 0 for padding at the end.
      all_written: `config.train.all_written`, in [0, 1].

    Returns:
      float32 [B, T]: 1 for a frame that is written.
    """
    coin, share = tf.unstack(noise.uniform(seeds, (2,), noise.Stream.WRITTEN), axis=1)
    real = tf.reduce_sum(mask, axis=1)
    some = tf.floor(share * (real + 1.0))
    count = tf.where(coin < all_written, real, some)
    frames = tf.range(tf.shape(mask)[1], dtype=tf.float32)
    return mask * tf.cast(frames < count[:, None], tf.float32)

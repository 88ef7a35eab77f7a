"""What is done to every frame of an episode by itself."""

from collections.abc import Callable

import tensorflow as tf


def each_frame(
    function: Callable[[tf.Tensor], tf.Tensor], episode: tf.Tensor
) -> tf.Tensor:
    """Applies a function of frames, [N, ...], to episodes [B, T, ...]: [B, T, ...]."""
    batch, length = tf.unstack(tf.shape(episode)[:2])
    out = function(tf.reshape(episode, [batch * length, *episode.shape[2:]]))
    return tf.reshape(out, [batch, length, *out.shape[1:]])

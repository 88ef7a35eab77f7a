"""Functions of frames, applied to every frame of an episode."""

from collections.abc import Callable

import tensorflow as tf


def each_frame(
    function: Callable[[tf.Tensor], tf.Tensor], episode: tf.Tensor
) -> tf.Tensor:
    """Applies a function of frames, [N, ...], to episodes [B, T, ...]: [B, T, ...]."""
    batch, length = tf.unstack(tf.shape(episode)[:2])
    out = function(tf.reshape(episode, [batch * length, *episode.shape[2:]]))
    return tf.reshape(out, [batch, length, *out.shape[1:]])


def padded_if_empty(tensor: tf.Tensor, axis: int) -> tf.Tensor:
    """Pads an axis of length 0 with one row of zeros.

    TensorFlow's convolutions and products give an empty batch other shapes than a full
    one (2.21, with oneDNN). The caller drops the row from the result.

    Args:
      tensor: of known rank.
      axis: 0 or more.
    """
    if tensor.shape[axis]:
        return tensor
    missing = tf.maximum(1 - tf.shape(tensor)[axis], 0)
    others = [[0, 0]] * tensor.shape.rank
    return tf.pad(tensor, [*others[:axis], [0, missing], *others[axis + 1 :]])

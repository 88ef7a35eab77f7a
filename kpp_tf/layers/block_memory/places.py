"""Where in the memory an image belongs: a map on which neighbours are alike."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="kpp_tf")
class PlaceHead(keras.layers.Layer):
    """A place for each of the K blocks of a frame, from its embedding.

    It learns from `map_loss` alone, not from the bound: the choice of a block is not a
    smooth function of the place.

    Args:
      blocks_per_frame: K.
      hidden: features of the hidden layer.
    """

    def __init__(self, blocks_per_frame: int, hidden: int = 128, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.blocks_per_frame = blocks_per_frame
        self.hidden_size = hidden
        self.hidden = keras.layers.Dense(
            hidden, activation="silu", dtype="float32", name="hidden"
        )
        self.place = keras.layers.Dense(
            2 * blocks_per_frame, dtype="float32", name="place"
        )

    def build(self, embeddings_shape: Any) -> None:
        """Builds for embeddings [B, T, F]."""
        self.hidden.build(embeddings_shape)
        self.place.build((*embeddings_shape[:-1], self.hidden_size))

    def call(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Embeddings [B, T, F] to places float32 [B, T, K, 2] of (x, y) in (0, 1)."""
        batch, length = tf.unstack(tf.shape(embeddings)[:2])
        embeddings = tf.stop_gradient(tf.cast(embeddings, tf.float32))
        raw = self.place(self.hidden(embeddings))
        return tf.sigmoid(tf.reshape(raw, [batch, length, self.blocks_per_frame, 2]))

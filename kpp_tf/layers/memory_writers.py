"""f_mem: the feed-forward writers that turn embeddings into one memory."""

import keras
import tensorflow as tf

from kpp_tf.layers.block_reader import BlockReader


@keras.saving.register_keras_serializable(package="kpp_tf")
class AllocatedWriter(keras.layers.Layer):
    """Each frame writes its blocks where its keys' means point.

        M = adjoint(mu, F) / max(coverage, floor),   coverage = adjoint(mu, 1)

    with F the blocks that a dense layer makes of the embedding and `adjoint` that of
    the reader. A cell that several blocks share holds their weighted mean; a cell that
    none reaches stays 0.

    Args:
      reader: the `BlockReader` whose adjoint is used (it has no weights).
      depth: D, numbers in a cell.
      blocks_per_frame: K.
    """

    # Below this coverage a cell fades to 0 instead of dividing noise by noise.
    COVERAGE_FLOOR = 1e-3

    def __init__(
        self, reader: BlockReader, depth: int, blocks_per_frame: int = 1, **kwargs
    ):
        super().__init__(autocast=False, **kwargs)  # keys stay float32
        self.reader = reader
        self.depth = depth
        self.blocks_per_frame = blocks_per_frame
        self.content = keras.layers.Dense(
            blocks_per_frame * reader.block_size**2 * depth, name="content"
        )

    def build(self, embeddings_shape, keys_shape=None):
        del keys_shape
        self.content.build(embeddings_shape)
        self.built = True

    def contents(self, embeddings: tf.Tensor) -> tf.Tensor:
        """The blocks F that the frames want to store: float32 [B, T, K, P, P, D]."""
        batch, length = tf.unstack(tf.shape(embeddings)[:2])
        size = self.reader.block_size
        return tf.reshape(
            tf.cast(self.content(embeddings), tf.float32),
            [batch, length, self.blocks_per_frame, size, size, self.depth],
        )

    def call(
        self,
        embeddings: tf.Tensor,
        keys: tf.Tensor,
        frame_mask: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Writes.

        Args:
          embeddings: [B, T, F].
          keys: [B, T, K, 3], the means of q(Y|X).
          frame_mask: [B, T], 1 for a real frame; a padded frame writes nothing.

        Returns:
          memory: float32 [B, S, S, D].
        """
        blocks = self.contents(embeddings)
        written = tf.ones_like(blocks[..., :1])
        if frame_mask is not None:
            written *= tf.cast(frame_mask, blocks.dtype)[:, :, None, None, None, None]
        total = self.reader.adjoint(keys, tf.concat([blocks * written, written], -1))
        return total[..., :-1] / tf.maximum(total[..., -1:], self.COVERAGE_FLOOR)

    def get_config(self):
        return {
            **super().get_config(),
            "reader": keras.saving.serialize_keras_object(self.reader),
            "depth": self.depth,
            "blocks_per_frame": self.blocks_per_frame,
        }

    @classmethod
    def from_config(cls, config):
        config = {**config}
        config["reader"] = keras.saving.deserialize_keras_object(config["reader"])
        return cls(**config)


@keras.saving.register_keras_serializable(package="kpp_tf")
class PooledWriter(keras.layers.Layer):
    """Embeddings pooled over time, then upsampled by convolutions to the memory.

    The nearest to the source's M ~ delta(f_mem(E)): one vector an episode, no place
    for any frame. The mean over time is taken over real frames.

    Args:
      memory_size: S.
      depth: D.
      width: channels before the last convolution.
    """

    def __init__(self, memory_size: int, depth: int, width: int = 64, **kwargs):
        super().__init__(**kwargs)
        self.memory_size = memory_size
        self.depth = depth
        self.width = width
        self.base_size = -(-memory_size // 4)
        self.base = keras.layers.Dense(self.base_size**2 * width, name="base")
        convolution = {"padding": "same", "kernel_initializer": "he_normal"}
        self.up = [
            keras.layers.Conv2D(4 * width, 3, name=f"up{k}", **convolution)
            for k in range(2)
        ]
        self.last = keras.layers.Conv2D(depth, 3, padding="same", name="last")

    def build(self, input_shape):
        self.base.build((None, input_shape[-1]))
        side = self.base_size
        for convolution in self.up:
            convolution.build((None, side, side, self.width))
            side *= 2
        self.last.build((None, side, side, self.width))
        self.built = True

    def call(
        self, embeddings: tf.Tensor, frame_mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Writes.

        Args:
          embeddings: [B, T, F].
          frame_mask: [B, T], 1 for a real frame.

        Returns:
          memory: float32 [B, S, S, D].
        """
        if frame_mask is None:
            pooled = tf.reduce_mean(embeddings, axis=1)
        else:
            mask = tf.cast(frame_mask, embeddings.dtype)[..., None]
            count = tf.maximum(tf.reduce_sum(mask, axis=1), 1.0)
            pooled = tf.reduce_sum(embeddings * mask, axis=1) / count
        size, width = self.base_size, self.width
        features = tf.reshape(self.base(pooled), [-1, size, size, width])
        for convolution in self.up:
            features = tf.nn.relu(tf.nn.depth_to_space(convolution(features), 2))
        memory = self.last(features)[:, : self.memory_size, : self.memory_size]
        return tf.cast(memory, tf.float32)

    def get_config(self):
        return {
            **super().get_config(),
            "memory_size": self.memory_size,
            "depth": self.depth,
            "width": self.width,
        }

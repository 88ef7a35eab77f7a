"""The writer as one layer: an episode in, its memory out."""

from typing import Any

import keras
import tensorflow as tf

from kpp_tf.layers.block_memory.map_loss import neighbour_loss
from kpp_tf.layers.block_memory.reader import WindowReader
from kpp_tf.layers.block_memory.writer import BlockWriter


@keras.saving.register_keras_serializable(package="kpp_tf")
class MemoryWriter(keras.layers.Layer):
    """Writes episodes into memories that were empty, for a `WindowReader` to read.

    It can stand in any Keras model, functional ones too:

        cells, coverage = MemoryWriter(reader, depth=64)(embeddings)
        blocks, covered = reader(cells, coverage, keys)

    Args:
      reader: of the memory that is written.
      depth: D, numbers in a cell.
      blocks_per_frame: K.
      allocation: "content" or "turn"; see `BlockWriter`. By content, the layer adds the
        loss that teaches it which frames are alike (`neighbour_loss` of the
        embeddings).
    """

    def __init__(
        self,
        reader: WindowReader,
        depth: int,
        blocks_per_frame: int = 1,
        allocation: str = "content",
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)
        self.writer = BlockWriter(
            reader, depth, blocks_per_frame, allocation, name="writer"
        )

    def build(self, embeddings_shape: Any, written_shape: Any = None) -> None:
        """Builds for embeddings [B, T, E] or [B, T, P, P, E]."""
        del written_shape
        side = self.writer.reader.block_size
        self.writer.build((*embeddings_shape[:2], side, side, embeddings_shape[-1]))

    def call(
        self, embeddings: tf.Tensor, written: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Writes.

        Args:
          embeddings: [B, T, E]; [B, T, P, P, E] for blocks of P x P cells.
          written: [B, T], 1 for a frame that the memory may hold; None: all.

        Returns:
          (cells, coverage): float32 [B, S, S, D] and [B, S, S], 0 where nothing is
          written.
        """
        embeddings = tf.cast(embeddings, tf.float32)
        if len(embeddings.shape) == 3:
            embeddings = embeddings[:, :, tf.newaxis, tf.newaxis]
        batch, length = tf.unstack(tf.shape(embeddings)[:2])
        if written is None:
            written = tf.ones([batch, length])
        writer, grid = self.writer, self.writer.reader.grid
        side = grid * writer.reader.block_size
        writing = writer(embeddings, written, tf.ones([batch, grid**2]))
        if writer.place is not None:
            features = tf.reduce_mean(embeddings, axis=[2, 3])
            for k in range(writer.blocks_per_frame):
                loss = neighbour_loss(writing.places[:, :, k], features, written)
                self.add_loss(tf.reduce_mean(loss) / writer.blocks_per_frame)
        coverage = tf.zeros([batch, side, side])
        cells = tf.zeros([batch, side, side, writer.depth])
        return writer.store(writing, cells, coverage)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**self.writer.get_config(), **super().get_config()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "MemoryWriter":
        """Makes the layer of a config."""
        reader = keras.saving.deserialize_keras_object(config["reader"])
        return cls(**{**config, "reader": reader})

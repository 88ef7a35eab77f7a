"""f_mem: the feed-forward writer that turns embeddings into one memory."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from kpp_tf.layers.block_memory import allocator
from kpp_tf.layers.block_memory.places import PlaceHead
from kpp_tf.layers.block_memory.reader import WindowReader

ALLOCATIONS = ("content", "turn")


class Writing(NamedTuple):
    """Where the frames of an episode are written.

    Attributes:
      contents: the blocks F that the frames want to store, float32 [B, T, K, P*P*D].
      places: where they belong, float32 [B, T, K, 2] of (x, y) in (0, 1).
      blocks: the numbers of the blocks that they take, int32 [B, T, K]; -1 for none.
    """

    contents: tf.Tensor
    places: tf.Tensor
    blocks: tf.Tensor

    def held(self) -> tf.Tensor:
        """Frames that are whole in the memory: float32 [B, T] of 0 and 1."""
        return self.held_after(tf.shape(self.blocks)[1][tf.newaxis])[:, 0]

    def held_after(self, numbers: tf.Tensor) -> tf.Tensor:
        """Frames that are held once the first n are written: n [N] to [B, N, T]."""
        return tf.reduce_min(self.blocks_held_after(numbers), axis=-1)

    def blocks_held_after(self, numbers: tf.Tensor) -> tf.Tensor:
        """The same for each block of a frame: int32 [N] to float32 [B, N, T, K]."""
        batch, length, count = tf.unstack(tf.shape(self.blocks))
        flat = tf.reshape(self.blocks, [batch, length * count])
        held = allocator.holds(flat, numbers * count)
        return tf.reshape(held, [batch, tf.shape(numbers)[0], length, count])


@keras.saving.register_keras_serializable(package="kpp_tf")
class BlockWriter(keras.layers.Layer):
    """Each frame writes its K blocks F = W E, where the allocator puts them.

    Args:
      reader: of the memory that is written.
      depth: D, numbers in a cell.
      blocks_per_frame: K.
      allocation: "content": a frame belongs beside images like it (`PlaceHead`);
        "turn": all belong in one corner, so that blocks fill up in the order of the
        frames, whatever is in them.
    """

    def __init__(
        self,
        reader: WindowReader,
        depth: int,
        blocks_per_frame: int,
        allocation: str,
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)
        if allocation not in ALLOCATIONS:
            raise ValueError(
                f"allocation must be one of {ALLOCATIONS}. Received: {allocation!r}"
            )
        self.reader = reader
        self.depth = depth
        self.blocks_per_frame = blocks_per_frame
        self.allocation = allocation
        self.content = keras.layers.Dense(
            blocks_per_frame * depth, dtype="float32", name="content"
        )
        self.place = None
        if allocation == "content":
            self.place = PlaceHead(blocks_per_frame, name="place")

    def build(self, embeddings_shape: Any) -> None:
        """Builds for embeddings [B, T, P, P, E]."""
        self.content.build(embeddings_shape)
        if self.place is not None:
            self.place.build((*embeddings_shape[:2], embeddings_shape[-1]))

    def contents(self, embeddings: tf.Tensor) -> tf.Tensor:
        """F: embeddings float32 [B, T, P, P, E] to [B, T, K, P*P*D]."""
        batch, length = tf.unstack(tf.shape(embeddings)[:2])
        cells, count = self.reader.block_size**2, self.blocks_per_frame
        shape = [batch, length, cells, count, self.depth]
        values = tf.reshape(self.content(embeddings), shape)
        if count > 1:
            values = tf.transpose(values, [0, 1, 3, 2, 4])
        return tf.reshape(values, [batch, length, count, cells * self.depth])

    def places(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Where frames belong: float32 [B, T, K, 2] of (x, y) in (0, 1).

        Allocated by turn they belong nowhere: the middle stands for anywhere.
        """
        if self.place is not None:
            return self.place(tf.reduce_mean(embeddings, axis=[2, 3]))
        batch, length = tf.unstack(tf.shape(embeddings)[:2])
        return tf.fill([batch, length, self.blocks_per_frame, 2], 0.5)

    def call(
        self, embeddings: tf.Tensor, written: tf.Tensor, free: tf.Tensor
    ) -> Writing:
        """Allocates; `store` then writes.

        Args:
          embeddings: float32 [B, T, P, P, E].
          written: [B, T], 1 for a frame that is written.
          free: float32 [B, G*G], 1 for a block that is not written yet.
        """
        batch, length = tf.unstack(tf.shape(embeddings)[:2])
        count = self.blocks_per_frame
        places = self.places(embeddings)
        wanted = tf.zeros_like(places) if self.place is None else places
        blocks = allocator.allocate(
            tf.reshape(wanted, [batch, length * count, 2]),
            tf.repeat(written, count, axis=1),
            free,
            self.reader.grid,
        )
        blocks = tf.reshape(blocks, [batch, length, count])
        return Writing(self.contents(embeddings), places, blocks)

    def store(
        self, writing: Writing, cells: tf.Tensor, coverage: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Cells and coverage after a writing, from those before it."""
        reader = self.reader
        batch, length, count, size = tf.unstack(tf.shape(writing.contents))
        blocks = tf.reshape(writing.blocks, [batch, length * count])
        last = writing.blocks_held_after(length[tf.newaxis])
        last = tf.reshape(last, [batch, length * count, 1])
        # A product, not a scatter: on a GPU its gradient has the same bits every run.
        given = tf.one_hot(blocks, reader.grid**2) * last
        taken = tf.reduce_sum(given, axis=1)[..., tf.newaxis]
        contents = tf.reshape(writing.contents, [batch, length * count, size])
        values = reader.as_blocks(cells) * (1.0 - taken)
        values += tf.matmul(given, contents, transpose_a=True)
        covers = reader.as_blocks(coverage[..., tf.newaxis]) * (1.0 - taken) + taken
        return reader.as_cells(values), reader.as_cells(covers)[..., 0]

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "reader": keras.saving.serialize_keras_object(self.reader),
            "depth": self.depth,
            "blocks_per_frame": self.blocks_per_frame,
            "allocation": self.allocation,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "BlockWriter":
        """Makes the layer of a config."""
        reader = keras.saving.deserialize_keras_object(config["reader"])
        return cls(**{**config, "reader": reader})

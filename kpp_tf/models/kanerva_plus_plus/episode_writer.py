"""How K++ writes: E = f_enc(X), M = f_mem(E)."""

import tensorflow as tf

from kpp_tf.errors import UserError
from kpp_tf.layers.block_memory.writer import BlockWriter, Writing
from kpp_tf.layers.each_frame import padded_if_empty
from kpp_tf.layers.tsm_resnet import TSMResNet
from kpp_tf.models.kanerva_plus_plus.memory import Memory


class EpisodeWriter:
    """Encodes episodes and writes memories, by layers that the model owns.

    Args:
      encoder: f_enc.
      writer: f_mem, with the reader of its memory.
    """

    def __init__(self, encoder: TSMResNet, writer: BlockWriter):
        self.encoder = encoder
        self.writer = writer
        self.reader = writer.reader

    def empty(self, batch: int | tf.Tensor) -> Memory:
        """B memories in which nothing is written."""
        return Memory(*(tf.zeros([batch, *shape]) for shape in self._shapes()))

    def encode(
        self,
        episode: tf.Tensor,
        written: tf.Tensor | None,
        carry: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """E as maps, float32 [B, T, P, P, F], and what the shifts hand on.

        Args:
          episode: [B, T, H, W, C] in [0, 1].
          written: [B, T]; later frames see these alone. None: all.
          carry: what earlier frames handed on; see `Memory`.
        """
        length = tf.shape(episode)[1]
        if written is None:
            written = tf.ones(tf.shape(episode)[:2])
        embeddings, carry = self.encoder.encode(
            padded_if_empty(episode, 1), padded_if_empty(written, 1), carry
        )
        embeddings = tf.cast(embeddings[:, :length], tf.float32)
        if self.reader.block_size == 1:
            embeddings = embeddings[:, :, tf.newaxis, tf.newaxis]
        return embeddings, carry

    def encode_queries(self, memory: Memory, queries: tf.Tensor) -> tf.Tensor:
        """E of frames that see the memory's last frame, and not each other."""
        none = tf.zeros(tf.shape(queries)[:2])
        return self.encode(queries, none, memory.carry)[0]

    def write(
        self,
        embeddings: tf.Tensor,
        carry: tf.Tensor,
        written: tf.Tensor,
        memory: Memory | None = None,
    ) -> tuple[Memory, Writing]:
        """Writes frames in their order.

        Args:
          embeddings: of `encode`.
          carry: of `encode`.
          written: [B, T], 1 for a frame that is written.
          memory: that they are added to; None: an empty one.
        """
        if memory is None:
            memory = self.empty(tf.shape(embeddings)[0])
        writing = self.writer(embeddings, written, self.free_blocks(memory))
        cells, coverage = self.writer.store(writing, memory.cells, memory.coverage)
        return Memory(cells, coverage, carry), writing

    def free_blocks(self, memory: Memory) -> tf.Tensor:
        """1 for a block in which nothing is written: float32 [B, G*G]."""
        covers = self.reader.as_blocks(memory.coverage[..., tf.newaxis])
        return tf.cast(tf.reduce_max(covers, axis=-1) == 0, tf.float32)

    def ownership(self, writing: Writing) -> tf.Tensor:
        """Which cells hold what each frame wrote: float32 [B, T, S, S] of 0 and 1."""
        batch, length = tf.unstack(tf.shape(writing.blocks)[:2])
        last = writing.blocks_held_after(length[tf.newaxis])[:, 0]
        blocks = tf.one_hot(writing.blocks, self.reader.grid**2)
        owned = tf.reduce_sum(blocks * last[..., tf.newaxis], axis=2)
        cells = tf.repeat(owned[..., tf.newaxis], self.reader.block_size**2, axis=-1)
        cells = tf.reshape(cells, [batch * length, *cells.shape[2:]])
        side = self.reader.grid * self.reader.block_size
        return tf.reshape(self.reader.as_cells(cells), [batch, length, side, side])

    def check(self, memory: Memory, batch: int | None = None) -> Memory:
        """Returns a memory as tensors.

        Args:
          memory: that a caller gave.
          batch: B, if it is known.

        Raises:
          UserError: if it is no memory of this model or batch, or (where values are
            known) has coverage outside [0, 1].
        """
        memory = Memory(*map(tf.convert_to_tensor, memory))
        for name, value, shape in zip(
            Memory._fields, memory, self._shapes(), strict=True
        ):
            if not value.shape.is_compatible_with([None, *shape]):
                raise UserError(
                    f"this model's memory has {name} of shape {[None, *shape]}; was it "
                    f"written by another model? Received: {tuple(value.shape)}"
                )
        sizes = [part.shape[0] for part in memory]
        if len(set(sizes) - {None}) > 1:
            received = ", ".join(map("{} {}".format, Memory._fields, sizes))
            raise UserError(
                f"a memory's parts must have the same batch. Received: {received}"
            )
        if None not in (batch, sizes[0]) and batch != sizes[0]:
            raise UserError(
                "the memory and what is read or written with it must have the same "
                f"batch. Received: {sizes[0]} memories, {batch} rows"
            )
        if tf.executing_eagerly() and memory.coverage.shape[0]:
            low = tf.reduce_min(memory.coverage)
            high = tf.reduce_max(memory.coverage)
            if not (low >= 0 and high <= 1):
                raise UserError(
                    "a memory's coverage must lie in [0, 1]. Received: values from "
                    f"{float(low)} to {float(high)}"
                )
        return memory

    def _shapes(self) -> list[list[int]]:
        """Of a memory's parts, the batch aside."""
        side = self.reader.grid * self.reader.block_size
        return [
            [side, side, self.writer.depth],
            [side, side],
            [self.encoder.carry_size],
        ]

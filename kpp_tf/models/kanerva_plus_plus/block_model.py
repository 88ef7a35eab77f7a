"""What Kanerva++ is made of, and how it writes."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from kpp_tf.errors import UserError
from kpp_tf.layers.block_memory.reader import WindowReader
from kpp_tf.layers.block_memory.writer import BlockWriter, Writing
from kpp_tf.models.kanerva_plus_plus.keys import FAMILIES
from kpp_tf.models.kanerva_plus_plus.latents import LatentPrior, RelativeGaussian
from kpp_tf.models.kanerva_plus_plus.memory import Memory
from kpp_tf.models.kanerva_plus_plus.windows import Windows
from kpp_tf.models.memory_model import MemoryModel


class BlockModel(MemoryModel):
    """The layers of K++, and M = f_mem(f_enc(X)).

    Args:
      image_shape, likelihood, episode_length, encoder, decoder: see `MemoryModel`.
      memory_size: S, cells along a side of the memory; a multiple of P.
      memory_depth: D, numbers in a cell.
      block_size: P, cells along a side of a block.
      blocks_per_frame: K, blocks that make one image.
      latent_size: L, latent variables of each of a block's P x P cells.
      latent_groups: G, a divisor of L: groups that they are drawn in, each given those
        before; see `draw_in_groups`.
      hidden: features of the hidden layers of p(Z|M-hat) and q(Z|X, M-hat).
      allocation: "content" or "turn"; see `BlockWriter`.
      finest, scale_low, scale_high: of the `WindowReader`.
      key_posterior: family of q(Y|X), "gaussian" (the source's) or "box"; see
        `kpp_tf.models.kanerva_plus_plus.keys`.
      explored, near: of the `Windows`: shares of the frames that in training read a
        window of random width, or the block whose content is nearest to theirs.
      rounding: of the noise on what is stored in training; see `Memory.roughened`.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        likelihood: str,
        episode_length: int,
        encoder: Mapping[str, Any],
        decoder: Mapping[str, Any],
        memory_size: int,
        memory_depth: int,
        block_size: int,
        blocks_per_frame: int,
        latent_size: int,
        hidden: int,
        allocation: str,
        finest: float,
        scale_low: float,
        scale_high: float,
        key_posterior: str,
        explored: float,
        latent_groups: int = 1,  # as configs without it mean
        near: float = 0.0,  # the same
        rounding: float = 0.0,  # the same
        **kwargs,
    ):
        if memory_size % block_size:
            raise UserError(
                "memory_size must be a multiple of block_size. Received: "
                f"memory_size={memory_size}, block_size={block_size}"
            )
        if block_size > 1:
            encoder = {**encoder, "embedding_side": block_size}
            decoder = {**decoder, "code_side": block_size}
        super().__init__(
            image_shape, likelihood, episode_length, encoder, decoder, **kwargs
        )
        if (memory_size // block_size) ** 2 < blocks_per_frame:
            raise UserError(
                "the memory must hold one image at least: (memory_size / block_size)^2 "
                f"blocks of blocks_per_frame. Received: memory_size={memory_size}, "
                f"block_size={block_size}, blocks_per_frame={blocks_per_frame}"
            )
        if key_posterior not in FAMILIES:
            raise UserError(
                f"key_posterior must be one of {sorted(FAMILIES)}. Received: "
                f"{key_posterior!r}"
            )
        if not 0 <= explored <= 1:
            raise UserError(f"explored must lie in [0, 1]. Received: {explored}")
        if not 0 <= near < 1:
            raise UserError(f"near must lie in [0, 1). Received: {near}")
        if rounding < 0:
            raise UserError(f"rounding must be at least 0. Received: {rounding}")
        if latent_groups < 1 or latent_size % latent_groups:
            raise UserError(
                "latent_groups must divide latent_size. Received: "
                f"latent_groups={latent_groups}, latent_size={latent_size}"
            )
        self.memory_size = memory_size
        self.memory_depth = memory_depth
        self.block_size = block_size
        self.blocks_per_frame = blocks_per_frame
        self.latent_size = latent_size
        self.key_family = key_posterior
        self.rounding = rounding
        self.keys = FAMILIES[key_posterior]()
        self.reader = WindowReader(
            memory_size // block_size,
            block_size,
            finest,
            scale_low,
            scale_high,
            name="reader",
        )
        self.writer = BlockWriter(
            self.reader, memory_depth, blocks_per_frame, allocation, name="writer"
        )
        self.windows = Windows(
            self.reader,
            blocks_per_frame,
            self.keys.has_tails,
            explored,
            near,
            name="windows",
        )
        self.latent_prior = LatentPrior(
            latent_size, block_size, hidden, name="latent_prior"
        )
        self.latent_groups = latent_groups
        self.latent_chain = None
        if latent_groups > 1:
            self.latent_chain = RelativeGaussian(
                latent_size, block_size, hidden, name="latent_chain"
            )
        # Dense posteriors find by themselves what maps need the aim for.
        self.aimed = block_size > 1
        self.latent_posterior = RelativeGaussian(
            latent_size, block_size, hidden, aimed=self.aimed, name="latent_posterior"
        )

    @property
    def memory_floats(self) -> int:
        """Numbers in a memory's cells and their coverage: S * S * (D + 1)."""
        return self.memory_size**2 * (self.memory_depth + 1)

    @property
    def capacity(self) -> int:
        """Images that the memory holds; one more and it forgets (`allocate`)."""
        return self.reader.grid**2 // self.blocks_per_frame

    def resized(self, memory_size: int) -> "BlockModel":
        """A copy with another size of memory; no weight knows S, and all are the same.

        Raises:
          UserError: if `memory_size` is no multiple of the block's size.
        """
        copy = type(self).from_config({**self.get_config(), "memory_size": memory_size})
        copy.build_from_shapes()
        copy.run_config = self.run_config
        for ours, theirs in zip(self.weights, copy.weights, strict=True):
            theirs.assign(ours)
        return copy

    def empty_memory(self, batch: int | tf.Tensor) -> Memory:
        """B memories in which nothing is written."""
        side = self.memory_size
        return Memory(
            tf.zeros([batch, side, side, self.memory_depth]),
            tf.zeros([batch, side, side]),
            tf.zeros([batch, self.encoder.carry_size]),
        )

    def write(self, episode, mask=None, written=None):
        """Writes an episode, in the order of its frames: see `MemoryModel.write`.

        A frame takes the free block nearest to the place that its content names. A full
        memory overwrites the nearest block of all.
        """
        written = self._written(episode, mask, written)
        embeddings, carry = self._encode(episode, written)
        return self._write(embeddings, carry, written)[0]

    def write_next(self, memory: Memory, images: tf.Tensor) -> Memory:
        """Writes one more image into each memory, at the cost of one.

        With a causal shift, or none, the memory is the one that writing the whole
        episode at once would have made.

        Args:
          memory: B memories.
          images: [B, H, W, C] in [0, 1].

        Raises:
          UserError: if the encoder's shift is bidirectional: what was written would
            have to change.
        """
        if self.encoder.shift == "bidirectional":
            raise UserError(
                "an encoder whose frames see later ones cannot write one at a time; "
                "take shift='causal'. Received: shift='bidirectional'"
            )
        memory = self.check_memory(memory)
        episode = images[:, tf.newaxis]
        embeddings, carry = self._encode(episode, None, memory.carry)
        written = tf.ones(tf.shape(episode)[:2])
        return self._write(embeddings, carry, written, memory)[0]

    def ownership(self, episode, mask=None, written=None) -> tf.Tensor:
        """Which cells hold what each frame wrote: float32 [B, T, S, S] of 0 and 1."""
        written = self._written(episode, mask, written)
        embeddings, carry = self._encode(episode, written)
        writing = self._write(embeddings, carry, written)[1]
        batch, length = tf.unstack(tf.shape(writing.blocks)[:2])
        last = writing.blocks_held_after(length[tf.newaxis])[:, 0]
        blocks = tf.one_hot(writing.blocks, self.reader.grid**2)
        owned = tf.reduce_sum(blocks * last[..., tf.newaxis], axis=2)
        cells = tf.repeat(owned[..., tf.newaxis], self.block_size**2, axis=-1)
        cells = tf.reshape(cells, [batch * length, *cells.shape[2:]])
        side = self.memory_size
        return tf.reshape(self.reader.as_cells(cells), [batch, length, side, side])

    def check_memory(self, memory: Memory) -> Memory:
        """Returns the memory as tensors; UserError unless it is one of this model's."""
        memory = Memory(*map(tf.convert_to_tensor, memory))
        side = self.memory_size
        expected = Memory(
            [None, side, side, self.memory_depth],
            [None, side, side],
            [None, self.encoder.carry_size],
        )
        for name, value, shape in zip(Memory._fields, memory, expected, strict=True):
            if not value.shape.is_compatible_with(shape):
                raise UserError(
                    f"this model's memory has {name} of shape {shape}; was it written "
                    f"by another model? Received: {tuple(value.shape)}"
                )
        if tf.executing_eagerly():
            low = tf.reduce_min(memory.coverage)
            high = tf.reduce_max(memory.coverage)
            if memory.coverage.shape[0] and not (low >= 0 and high <= 1):
                raise UserError(
                    "a memory's coverage must lie in [0, 1]. Received: values from "
                    f"{float(low)} to {float(high)}"
                )
        return memory

    def build(self, input_shape):
        """Builds all layers; the encoder first, whose `encode` skips its call."""
        del input_shape
        self.encoder.build((None, None, *self.image_shape))
        self.built = True
        self.call(tf.zeros([1, 2, *self.image_shape]))

    def _written(self, episode, mask, written):
        written = self.check_written(episode, mask, written)
        return tf.ones(tf.shape(episode)[:2]) if written is None else written

    def _encode(self, episode, written, carry=None):
        """E as maps, float32 [B, T, P, P, F], and what the shifts hand on."""
        episode = self.check_episode(episode)
        length = tf.shape(episode)[1]
        if not episode.shape[1]:
            # As in `any_length`: a blank frame, not written, stands in for none.
            if written is None:
                written = tf.ones(tf.shape(episode)[:2])
            blank = tf.maximum(1 - length, 0)
            episode = tf.pad(episode, [[0, 0], [0, blank], *[[0, 0]] * 3])
            written = tf.pad(written, [[0, 0], [0, blank]])
        embeddings, carry = self.encoder.encode(episode, written, carry)
        embeddings = tf.cast(embeddings[:, :length], tf.float32)
        if self.block_size == 1:
            embeddings = embeddings[:, :, tf.newaxis, tf.newaxis]
        return embeddings, carry

    def _write(self, embeddings, carry, written, memory=None) -> tuple[Memory, Writing]:
        if memory is None:
            memory = self.empty_memory(tf.shape(embeddings)[0])
        covers = self.reader.as_blocks(memory.coverage[..., tf.newaxis])
        free = tf.cast(tf.reduce_max(covers, axis=-1) == 0, tf.float32)
        writing = self.writer(embeddings, written, free)
        cells, coverage = self.writer.store(writing, memory.cells, memory.coverage)
        return Memory(cells, coverage, carry), writing

"""What a frame may read: the whole memory, or what was written before it."""

import math

import tensorflow as tf

from kpp_tf.layers.block_memory.reader import WindowReader
from kpp_tf.layers.block_memory.writer import Writing
from kpp_tf.models.kanerva_plus_plus.memory import Memory

Reading = tuple[tf.Tensor, tf.Tensor]  # M-hat, and how much of it is covered


class MemoryView:
    """A memory, the same for every frame.

    Args:
      reader: of the memory.
      memory: B memories.
    """

    def __init__(self, reader: WindowReader, memory: Memory):
        self.reader = reader
        self.memory = memory

    def fullness(self) -> tf.Tensor:
        """Share of the memory that is written: float32 [B, 1]."""
        return tf.reduce_mean(self.memory.coverage, axis=[1, 2])[:, tf.newaxis]

    def distances(self, contents: tf.Tensor) -> tf.Tensor:
        """From [B, T, K, P*P*D] to each block's content [B, T, K, G*G]: `distances`."""
        covers = self.reader.as_blocks(self.memory.coverage[..., tf.newaxis])
        held = tf.cast(tf.reduce_max(covers, axis=-1) > 0, tf.float32)
        stored = self.reader.as_blocks(self.memory.cells)
        return distances(contents, stored, held[:, tf.newaxis])

    def nearest(self, contents: tf.Tensor) -> tf.Tensor:
        """Numbers int32 [B, T, K] of the blocks whose content is nearest."""
        distance = self.distances(contents)
        return tf.argmin(distance, axis=-1, output_type=tf.int32)

    def read(self, keys: tf.Tensor) -> Reading:
        """What keys [B, T, K, 3] read; see `WindowReader.call`."""
        return self.reader(self.memory.cells, self.memory.coverage, keys)


class PrefixView:
    """For frame t the memory of x_<t, without making T memories.

    Args:
      reader: of the memory.
      writing: of an episode into an empty memory.
    """

    def __init__(self, reader: WindowReader, writing: Writing):
        batch, length, count = tf.unstack(tf.shape(writing.blocks))
        held = writing.blocks_held_after(tf.range(length))
        size = writing.contents.shape[-1]
        self.reader = reader
        self._held = tf.reshape(held, [batch, length, length * count])
        self._owners = tf.reshape(writing.blocks, [batch, length * count])
        self._stored = tf.reshape(writing.contents, [batch, length * count, size])

    def fullness(self) -> tf.Tensor:
        """Share of the memory that is written: float32 [B, T]."""
        return tf.reduce_sum(self._held, axis=-1) / self.reader.grid**2

    def nearest(self, contents: tf.Tensor) -> tf.Tensor:
        """Numbers int32 [B, T, K] of the blocks whose content is nearest.

        Block 0 where nothing is held.
        """
        distance = distances(contents, self._stored, self._held)
        # Pad with one unreachable slot so that argmin is defined.
        distance = tf.pad(distance, [[0, 0]] * 3 + [[0, 1]], constant_values=math.inf)
        nearest = tf.argmin(distance, axis=-1, output_type=tf.int32)
        blocks = tf.gather(self._owners, nearest, batch_dims=1)
        return tf.where(self.fullness()[..., tf.newaxis] == 0, 0, blocks)

    def read(self, keys: tf.Tensor) -> Reading:
        """What keys [B, T, K, 3] read: a block's share of a window is its frame's."""
        of_frames = tf.matmul(
            self.reader.weights_at(keys),
            tf.one_hot(self._owners, self.reader.grid**2),
            transpose_b=True,
        )
        of_frames *= tf.repeat(self._held, tf.shape(keys)[2], axis=1)
        batch, frames = tf.unstack(tf.shape(self._owners))
        covers = tf.ones([batch, frames, self.reader.block_size**2])
        return self.reader.averaged(of_frames, self._stored, covers, tf.shape(keys))


View = MemoryView | PrefixView


def distances(wanted: tf.Tensor, stored: tf.Tensor, held: tf.Tensor) -> tf.Tensor:
    """|M_r - F|^2 - |F|^2 for every F and r; huge where nothing is held.

    Args:
      wanted: F, float32 [B, T, K, C].
      stored: M, float32 [B, R, C].
      held: which of them each frame may see, float32 [B, T or 1, R] of 0 and 1.

    Returns:
      float32 [B, T, K, R].
    """
    batch, length, count, size = tf.unstack(tf.shape(wanted))
    norm = tf.reduce_sum(stored**2, axis=-1)[:, tf.newaxis] + 1e30 * (1 - held)
    flat = tf.reshape(wanted, [batch, length * count, size])
    product = tf.matmul(flat, stored, transpose_b=True)
    product = tf.reshape(product, [batch, length, count, tf.shape(stored)[1]])
    return norm[:, :, tf.newaxis] - 2 * product

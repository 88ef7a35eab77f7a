"""Writes any number of images into one memory, a chunk at a time.

`KanervaPlusPlus.write` holds T x G^2 distances and a product of T x G^2 x D, which is
right for training and for hundreds of images. Here an image costs one encoding, a
search for a free block near its place, and one row that is stored:

    encode      T                          in chunks, with the shift's carry
    allocate    T r^2, r blocks to the nearest free one; 1 in an empty memory
    store       T                          rows of an array, no product

The memory is the one that `write` makes of all images at once, to the rounding of the
encoder.
"""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from kpp_tf.errors import UserError
from kpp_tf.layers.block_memory.allocator import NearestFree
from kpp_tf.models.kanerva_plus_plus.memory import Memory
from kpp_tf.models.kanerva_plus_plus.model import KanervaPlusPlus

CHUNK = 256  # images encoded at once


class BulkWriter:
    """A memory that grows, and which image lies in which block.

    Example:
        writer = BulkWriter(model.resized(265))  # 70,225 blocks
        for images in chunks:  # [N, H, W, C] in [0, 1]
            writer.add(images)
        memory, owners = writer.memory(), writer.owners

    Args:
      model: whose capacity is enough; with more images the memory forgets.
      memory: one memory to add to, B = 1; None: an empty one.

    Attributes:
      owners: int64 [G*G], the number of the image in each block, in the order that they
        were added; -1 for a block that is free or was written before.
      count: images added so far.
    """

    def __init__(self, model: KanervaPlusPlus, memory: Memory | None = None):
        if model.encoder.shift == "bidirectional":
            raise UserError(
                "writing in chunks needs frames that see no later one; take "
                "encoder.shift='causal'. Received: shift='bidirectional'"
            )
        self.model = model
        memory = model.check_memory(
            model.empty_memory(1) if memory is None else memory, 1
        )
        reader = model.reader
        # Copies: they are written to.
        self._cells = np.array(reader.as_blocks(memory.cells)[0])
        covers = reader.as_blocks(memory.coverage[..., tf.newaxis])[0]
        self._coverage = np.array(covers)
        self._carry = memory.carry
        self._free = NearestFree(self._coverage.max(axis=-1) == 0, reader.grid)
        self._encode = _encoder(model)
        self.owners = np.full(reader.grid**2, -1, np.int64)
        self.count = 0

    def add(self, images: np.ndarray) -> np.ndarray:
        """Writes images in their order.

        Args:
          images: float [N, H, W, C] in [0, 1].

        Returns:
          int32 [N, K]: the blocks that each took. `owners` says which of them were
          taken again since.

        Raises:
          UserError: if the images are not the model's, or not in [0, 1].
        """
        images = np.asarray(images)
        given = np.empty((len(images), self.model.blocks_per_frame), np.int32)
        for start, contents, places in self._wanted(images):
            for row, (content, place) in enumerate(zip(contents, places, strict=True)):
                for k, wanted in enumerate(place):
                    block = self._free.take(wanted)
                    self._cells[block] = content[k]
                    self._coverage[block] = 1
                    self.owners[block] = self.count
                    given[start + row, k] = block
                self.count += 1
        return given

    def held(self) -> np.ndarray:
        """Whether each image added is still whole in the memory: bool [count]."""
        blocks = np.bincount(self.owners[self.owners >= 0], minlength=self.count)
        return blocks == self.model.blocks_per_frame

    def memory(self) -> Memory:
        """The memory as it is now, B = 1."""
        reader = self.model.reader
        coverage = reader.as_cells(tf.constant(self._coverage[np.newaxis]))
        cells = reader.as_cells(tf.constant(self._cells[np.newaxis]))
        return Memory(cells, coverage[..., 0], self._carry)

    def _wanted(
        self, images: np.ndarray
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Chunks: where one starts, its contents [n, K, P*P*D] and places [n, K, 2]."""
        for start in range(0, len(images), CHUNK):
            part = self.model.check_episode(images[np.newaxis, start : start + CHUNK])
            part = tf.cast(part, tf.float32)
            count = part.shape[1]
            missing = CHUNK - count  # one shape, one trace
            part = tf.pad(part, [[0, 0], [0, missing], *[[0, 0]] * 3])
            written = tf.cast(tf.range(CHUNK)[tf.newaxis] < count, tf.float32)
            contents, places, self._carry = self._encode(part, written, self._carry)
            yield start, contents[0, :count].numpy(), places[0, :count].numpy()


def _encoder(model: KanervaPlusPlus) -> tf.types.experimental.PolymorphicFunction:
    """Contents, places and the carry of a chunk, as a graph."""
    writer = model.writer

    @tf.function
    def encode(
        episode: tf.Tensor, written: tf.Tensor, carry: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        embeddings, carry = model.episodes.encode(episode, written, carry)
        places = writer.places(embeddings)
        if writer.place is None:  # by turn: all want the first corner
            places = tf.zeros_like(places)
        return writer.contents(embeddings), places, carry

    return encode

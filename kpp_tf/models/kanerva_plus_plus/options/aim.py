"""Posteriors over maps that are told where recall would be.

What the decoder learns from recalled images then serves images that were not written,
whose posterior would otherwise have to find the same code anew, through convolutions.
Posteriors over vectors (P = 1) find it by themselves.
"""

import tensorflow as tf

from kpp_tf.layers.block_memory.writer import BlockWriter
from kpp_tf.models.kanerva_plus_plus.latents import Latents


def recalled_means(
    latents: Latents, writer: BlockWriter, slot_key: tf.Tensor, embeddings: tf.Tensor
) -> tf.Tensor:
    """Mean latents if each frame were in the memory, and its own blocks were read.

    Args:
      latents: of the model.
      writer: of the memory.
      slot_key: float32 [3], a key that reads one block.
      embeddings: float32 [B, T, P, P, F].

    Returns:
      float32 [B, T, P, P, L].
    """
    contents = writer.contents(embeddings)
    batch, length, count = tf.unstack(tf.shape(contents)[:3])
    cells = writer.reader.block_size**2
    shape = [batch, length, writer.blocks_per_frame]
    keys = tf.broadcast_to(slot_key, [*shape, 3])
    covered = tf.ones([batch, length, count, cells])
    blocks = tf.reshape(contents, [*shape, cells, writer.depth])
    return latents.prior_of(keys, (blocks, covered))[0]

"""Recall keys and moves of keys in the memory, for models that have keys.

Lengths are in blocks of the memory, which the finest keys tell apart.
"""

import numpy as np
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.layers.block_memory.reader import normal_quantile
from kpp_tf.models import Memory, MemoryModel

DIRECTIONS = tf.constant([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
TOLERANCE = 0.05


def has_keys(model: MemoryModel) -> bool:
    """Whether the model generates from keys (K++ alone does)."""
    return hasattr(model, "generate_from_keys")


def blocks_a_side(model: MemoryModel) -> int:
    """G: blocks along a side of the memory."""
    return model.memory_size // model.block_size


def recall_keys(model: MemoryModel, memory: Memory, images: tf.Tensor) -> tf.Tensor:
    """Keys that read the images' places through the finest window: [B, T, K, 3]."""
    return with_width(model, model.infer_keys(memory, images), 0.0)


def with_width(model: MemoryModel, keys: tf.Tensor, width: float) -> tf.Tensor:
    """Keys of the same places with windows of another width (0: the finest)."""
    finest = float(model.reader.finest)
    scale = model.reader.scale_of(tf.fill(keys.shape[:-1], max(width, finest)))
    return tf.concat([scale[..., None], keys[..., 1:]], axis=-1)


def positions(model: MemoryModel, keys: tf.Tensor) -> tf.Tensor:
    """(x, y) in blocks from the memory's corner: [B, T, K, 3] to [B, T, K, 2]."""
    return blocks_a_side(model) * model.reader.places(keys[..., 1:])


def at_positions(model: MemoryModel, keys: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """Keys of the same scale at positions [B, T, K, 2], clipped to the memory."""
    shares = tf.clip_by_value(wanted / blocks_a_side(model), 1e-4, 1 - 1e-4)
    return tf.concat([keys[..., :1], normal_quantile(shares)], axis=-1)


def moved(
    model: MemoryModel, keys: tf.Tensor, distance: float, seeds: tf.Tensor
) -> tf.Tensor:
    """Moves keys in one of the four directions, drawn among those inside the memory.

    All K keys of an image move together. A key is inside if half a block of room is
    left; if no direction is, any of them is drawn.

    Args:
      model: one that `has_keys`.
      keys: [B, T, K, 3].
      distance: in blocks.
      seeds: int32 [B, 2].
    """
    here = positions(model, keys)
    there = here[..., None, :, :] + distance * DIRECTIONS[:, None]  # [B, T, 4, K, 2]
    low, high = 0.5 - TOLERANCE, blocks_a_side(model) - 0.5 + TOLERANCE
    inside = tf.reduce_all((there >= low) & (there <= high), axis=[-2, -1])
    drawn = noise.uniform(seeds, (keys.shape[1], 4), noise.Stream.KEY_MOVES)
    chosen = tf.argmax(drawn + tf.cast(inside, tf.float32), axis=-1)
    return at_positions(model, keys, tf.gather(there, chosen, batch_dims=2))


def neighbours(places: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Pairs of images in neighbouring blocks.

    Args:
      places: [T, 2], `positions` of one episode's first blocks.
      real: [T], whether there is an image.

    Returns:
      int [pairs, 2], each pair once.
    """
    apart = np.abs(places[:, None] - places[None])
    near, far = apart.min(axis=-1), apart.max(axis=-1)
    beside = (near < TOLERANCE) & (np.abs(far - 1) < TOLERANCE)
    beside &= (real[:, None] > 0) & (real[None] > 0)
    return np.argwhere(np.triu(beside))

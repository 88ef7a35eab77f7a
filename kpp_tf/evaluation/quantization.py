"""A memory stored with fewer bits."""

import numpy as np
import tensorflow as tf

from kpp_tf.models import Memory, MemoryModel

BITS = {"float32": 32, "bfloat16": 16, "int8": 8, "int4": 4}
_SCALE_BITS = 32


def store(memory: Memory, dtype: str) -> Memory:
    """What a memory is after it was stored as `dtype` and read back.

    Integers of b bits are symmetric, one scale for each channel of each episode:

        scale = max |m| / (2^(b-1) - 1),   stored = round(m / scale),

    the maximum over the cells of the memory, so that no number moves by more than
    scale / 2. Nothing is trained or calibrated for it.

    Args:
      memory: a tensor [B, ..., D] or a NamedTuple of such tensors.
      dtype: "float32" (returned as it is), "bfloat16", "int8" or "int4".

    Returns:
      The same structure and shapes, float32.

    Raises:
      ValueError: for another dtype.
    """
    _check(dtype)
    return tf.nest.map_structure(lambda part: _store(part, dtype), memory)


def memory_bits(model: MemoryModel, length: int, dtype: str) -> int:
    """Bits of the memory that a model writes of `length` blank images.

    Args:
      model: whose memory is counted.
      length: T.
      dtype: as in `store`.
    """
    blank = model.write(tf.zeros([1, length, *model.image_shape]))
    return stored_bits(blank, dtype)


def stored_bits(memory: Memory, dtype: str) -> int:
    """Bits of one episode's memory: its numbers, and the scales of integers.

    Args:
      memory: as in `store`; shapes known.
      dtype: as in `store`.
    """
    _check(dtype)
    bits = 0
    parts = memory._asdict() if hasattr(memory, "_asdict") else {"cells": memory}
    parts.pop("carry", None)  # serves the next writing; no reading needs it
    for part in tf.nest.flatten(parts):
        bits += BITS[dtype] * int(np.prod(part.shape[1:]))
        if dtype.startswith("int"):
            bits += _SCALE_BITS * int(part.shape[-1])
    return bits


def _store(part: tf.Tensor, dtype: str) -> tf.Tensor:
    part = tf.cast(part, tf.float32)
    if dtype == "float32":
        return part
    if dtype == "bfloat16":
        return tf.cast(tf.cast(part, tf.bfloat16), tf.float32)
    largest = 2 ** (BITS[dtype] - 1) - 1
    cells = list(range(1, part.shape.rank - 1))
    scale = tf.reduce_max(tf.abs(part), axis=cells, keepdims=True) / largest
    # A channel of zeros has scale 0: it stays 0.
    return tf.round(tf.math.divide_no_nan(part, scale)) * scale


def _check(dtype: str) -> None:
    if dtype not in BITS:
        raise ValueError(
            f"a memory is stored as one of {sorted(BITS)}. Received: {dtype!r}"
        )

"""Inputs and outputs of a signature, as client and server see them."""

import io
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from PIL import Image

# Inputs of unbounded numbers; the others are images, shares, marks, temperatures.
FREE_FLOATS = frozenset({"memory_cells", "memory_carry", "keys", "noise"})


class Field(NamedTuple):
    """An input or output: shape with None for free sizes, dtype, allowed range.

    Bytes are `np.bytes_` here; arrays of them have dtype object, as TensorFlow's.
    """

    shape: tuple[int | None, ...]
    dtype: type[np.generic] = np.float32
    low: float | None = None
    high: float | None = None


class SignatureSpec(NamedTuple):
    """A signature as the server's metadata describes it."""

    inputs: dict[str, Field]
    outputs: tuple[str, ...]


def example_inputs(
    fields: Mapping[str, Field], batch: int, length: int, seed: int = 0
) -> dict[str, np.ndarray]:
    """A valid request of random numbers, the same for the same seed.

    Args:
      fields: the signature's inputs.
      batch: B.
      length: T for every free length.
      seed: of the random numbers.

    Returns:
      Arrays by input name: temperatures of 1, N(0, 1) for `FREE_FLOATS`, any integers
      as seeds, PNG files, and zeros or ones for all else.
    """
    rng = np.random.default_rng(seed)
    values: dict[str, np.ndarray] = {}
    for name, field in sorted(fields.items()):
        sizes = [batch, *(length if d is None else d for d in field.shape[1:])]
        if name == "seed":
            values[name] = rng.integers(-(2**31), 2**31, sizes, dtype=np.int32)
        elif field.dtype == np.bytes_:
            pixels = rng.integers(0, 256, (*sizes, 8, 8), np.uint8)
            values[name] = np.empty(sizes, object)
            for place in np.ndindex(*sizes):
                values[name][place] = _png(pixels[place])
        elif name in FREE_FLOATS:
            values[name] = rng.standard_normal(sizes, dtype=np.float32)
        elif name == "temperature":
            values[name] = np.ones(sizes, np.float32)
        else:
            values[name] = (rng.random(sizes) > 0.8).astype(field.dtype)
    return values


def _png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()

"""The functions that a server offers: named inputs and outputs, batch first.

A row of a batch is one request: one episode, memory and seed. Each row is computed by
itself, by kernels of the same shapes, so that it gives the same bits in every batch, at
every place and beside any neighbour. Computed as one batch it need not: matrix products
block their sums by the size of the whole batch.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import tensorflow as tf

from kpp_tf.models import KanervaPlusPlus
from kpp_tf.serving.checks import checked, same_batch

# What is far beyond any use, and would overflow to NaN if it went on.
MAX_MEMORY = 1e6
MAX_KEY = 60.0
MAX_TEMPERATURE = 10.0
# Inputs that hold any numbers; the other floats are images and temperatures.
FREE_FLOATS = frozenset({"memory", "keys"})


class Field(NamedTuple):
    """An input or output: shape with None for free sizes, dtype, allowed range."""

    shape: tuple[int | None, ...]
    dtype: tf.DType = tf.float32
    low: float | None = None
    high: float | None = None

    def spec(self, name: str) -> tf.TensorSpec:
        """The field as a signature states it."""
        return tf.TensorSpec(self.shape, self.dtype, name)


class Signature(NamedTuple):
    """A function of one row: inputs and outputs without their batch dimension.

    Attributes:
      inputs: what a request holds, batch first.
      outputs: what is answered, batch first.
      row: takes the inputs of one row as batches of 1, by position in the order of
        `inputs`; returns a mapping with the outputs of that row, as batches of 1.
    """

    inputs: Mapping[str, Field]
    outputs: Mapping[str, Field]
    row: Callable[..., Mapping[str, tf.Tensor]]

    def specs(self) -> list[tf.TensorSpec]:
        """Input specs in the order of `inputs`."""
        return [field.spec(name) for name, field in self.inputs.items()]

    def __call__(self, *values: tf.Tensor) -> dict[str, tf.Tensor]:
        """Checks a batch, then computes it row by row."""
        values = [
            checked(value, name, field.shape, field.low, field.high)
            for value, (name, field) in zip(values, self.inputs.items(), strict=True)
        ]
        values = same_batch(**dict(zip(self.inputs, values, strict=True)))
        return tf.map_fn(
            self._one,
            values,
            fn_output_signature={
                name: tf.TensorSpec(field.shape[1:], field.dtype)
                for name, field in self.outputs.items()
            },
        )

    def _one(self, values):
        outputs = self.row(*(value[tf.newaxis] for value in values))
        return {
            name: tf.cast(outputs[name][0], field.dtype)
            for name, field in self.outputs.items()
        }


def signatures(model: KanervaPlusPlus, num_samples: int) -> dict[str, Signature]:
    """The signatures of a model.

    Args:
      model: with its weights.
      num_samples: N, images that `generate` and `serving_default` draw of a memory.
        Every input leads with the batch, so a request cannot choose it.

    Returns:
      write, generate, generate_from_keys, reconstruct, refine and serving_default.

    Raises:
      ValueError: for a model whose memory is not read with keys in R^3.
    """
    if not isinstance(model, KanervaPlusPlus):
        raise ValueError(
            "only kanerva_plus_plus has the signatures with keys that are served. "
            f"Received: {type(model).__name__}"
        )
    size, depth = model.memory_size, model.memory_depth
    blocks = model.blocks_per_frame
    episode = Field((None, None, *model.image_shape), low=0.0, high=1.0)
    memory = Field((None, size, size, depth), low=-MAX_MEMORY, high=MAX_MEMORY)
    keys = Field((None, None, blocks, 3), low=-MAX_KEY, high=MAX_KEY)
    seed = Field((None, 2), tf.int32)
    temperature = Field((None,), low=0.0, high=MAX_TEMPERATURE)
    drawn = {
        "images": episode._replace(shape=(None, num_samples, *model.image_shape)),
        "keys": keys._replace(shape=(None, num_samples, blocks, 3)),
    }
    read = {"images": episode, "keys": keys}

    def write(episode):
        return {"memory": model.write(episode)}

    def generate(memory, seed, temperature):
        keys = model.draw_keys(num_samples, seed, temperature)
        images = model.generate_from_keys(memory, keys, seed, temperature)
        return {"images": images, "keys": keys}

    def generate_from_keys(memory, keys):
        return {"images": model.generate_from_keys(memory, keys)}

    def reconstruct(memory, queries):
        keys = model.infer_keys(memory, queries)
        return {"images": model.generate_from_keys(memory, keys), "keys": keys}

    def refine(memory, images, seed):
        return {"images": model.refine(memory, images, seed)}

    def write_and_generate(episode, seed, temperature):
        return generate(model.write(episode), seed, temperature)

    return {
        "write": Signature({"episode": episode}, {"memory": memory}, write),
        "generate": Signature(
            {"memory": memory, "seed": seed, "temperature": temperature},
            drawn,
            generate,
        ),
        "generate_from_keys": Signature(
            {"memory": memory, "keys": keys}, {"images": episode}, generate_from_keys
        ),
        "reconstruct": Signature(
            {"memory": memory, "queries": episode}, read, reconstruct
        ),
        "refine": Signature(
            {"memory": memory, "images": episode, "seed": seed},
            {"images": episode},
            refine,
        ),
        "serving_default": Signature(
            {"episode": episode, "seed": seed, "temperature": temperature},
            drawn,
            write_and_generate,
        ),
    }


def example_inputs(
    signature: Signature, batch: int, length: int, seed: int = 0
) -> dict[str, tf.Tensor]:
    """A valid request of random numbers, the same for the same seed.

    Args:
      signature: whose inputs to fill.
      batch: B.
      length: T for every free length.
      seed: names the numbers.

    Returns:
      Tensors by input name: images binary, temperatures 1, other floats N(0, 1).
    """
    values = {}
    for salt, (name, field) in enumerate(signature.inputs.items()):
        shape = [batch, *(length if d is None else d for d in field.shape[1:])]
        stream = [seed, salt]
        if field.dtype == tf.int32:
            values[name] = tf.random.stateless_uniform(
                shape, stream, minval=None, maxval=None, dtype=tf.int32
            )
        elif name in FREE_FLOATS:
            values[name] = tf.random.stateless_normal(shape, stream)
        elif name == "temperature":
            values[name] = tf.ones(shape)
        else:
            drawn = tf.random.stateless_uniform(shape, stream)
            values[name] = tf.cast(drawn > 0.8, tf.float32)
    return values

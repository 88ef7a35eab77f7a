"""The functions that a server offers: named inputs and outputs, batch first.

A row of a batch is one request: one episode, memory and seed. Each row is computed
separately, by kernels of the same shapes, so that it has the same bits in every batch
and at every place. Computed as one batch it would not: matrix products block their sums
by the size of the whole batch.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kpp_tf.errors import UserError
from kpp_tf.models import KanervaPlusPlus
from kpp_tf.models.kanerva_plus_plus import Memory
from kpp_tf.serving.encoded_images import decoded
from kpp_tf.serving.graph_checks import checked
from kpp_tf.serving.specs import Field

# Far beyond any use; larger values would overflow to NaN.
MAX_MEMORY = 1e6
MAX_KEY = 60.0
MAX_TEMPERATURE = 10.0


# Tensors by name.
Outputs = dict[str, tf.Tensor]


class Signature(NamedTuple):
    """A function of one row, with its inputs and outputs, batch first.

    Attributes:
      inputs: by name, in the order of the parameters of `row`.
      outputs: by name.
      row: takes the inputs of one row as batches of 1; returns a mapping with the
        outputs of that row, as batches of 1.
    """

    inputs: Mapping[str, Field]
    outputs: Mapping[str, Field]
    row: Callable[..., Mapping[str, tf.Tensor]]

    @classmethod
    def of(
        cls, fields: Mapping[str, Field], row: Callable, *outputs: str
    ) -> "Signature":
        """The signature of a function whose parameters name its inputs."""
        inputs = {name: fields[name] for name in inspect.signature(row).parameters}
        return cls(inputs, {name: fields[name] for name in outputs}, row)

    def specs(self) -> list[tf.TensorSpec]:
        """Input specs in the order of `inputs`."""
        return [
            tf.TensorSpec(field.shape, field.dtype, name)
            for name, field in self.inputs.items()
        ]

    def compute(self, *values: tf.Tensor) -> dict[str, tf.Tensor]:
        """The outputs of one row, as batches of 1."""
        outputs = self.row(*values)
        return {
            name: tf.cast(outputs[name], field.dtype)
            for name, field in self.outputs.items()
        }

    def batched(self) -> Callable[..., dict[str, tf.Tensor]]:
        """A function that checks a batch, then computes it row by row.

        Its parameters have the inputs' names: Keras' TFSMLayer calls by them.
        """

        @functools.wraps(self.row)
        def batched(*values: tf.Tensor) -> dict[str, tf.Tensor]:
            return tf.map_fn(
                self._one,
                checked(values, self.inputs),
                fn_output_signature={
                    name: tf.TensorSpec(field.shape[1:], field.dtype)
                    for name, field in self.outputs.items()
                },
            )

        return batched

    def _one(self, values: list[tf.Tensor]) -> dict[str, tf.Tensor]:
        outputs = self.compute(*(value[tf.newaxis] for value in values))
        return {name: value[0] for name, value in outputs.items()}


def fields_of(model: KanervaPlusPlus) -> dict[str, Field]:
    """All that the signatures of a model take and give, by name.

    Raises:
      UserError: for a model whose memory is not read with keys in R^3.
    """
    if not isinstance(model, KanervaPlusPlus):
        raise UserError(
            "only kanerva_plus_plus has the signatures with keys that are served. "
            f"Received: {type(model).__name__}"
        )
    size, depth = model.memory_size, model.memory_depth
    images = Field((None, None, *model.image_shape), low=0.0, high=1.0)
    return {
        "episode": images,
        "queries": images,
        "images": images,
        "encoded": Field((None, None), np.bytes_),
        "image": Field((None, *model.image_shape), low=0.0, high=1.0),
        "memory_cells": Field(
            (None, size, size, depth), low=-MAX_MEMORY, high=MAX_MEMORY
        ),
        "memory_coverage": Field((None, size, size), low=0.0, high=1.0),
        "memory_carry": Field(
            (None, model.encoder.carry_size), low=-MAX_MEMORY, high=MAX_MEMORY
        ),
        "keys": Field(
            (None, None, model.blocks_per_frame, 3), low=-MAX_KEY, high=MAX_KEY
        ),
        "written": Field((None, None), np.int32, low=0, high=1),
        "seed": Field((None, 2), np.int32),
        "temperature": Field((None,), low=0.0, high=MAX_TEMPERATURE),
        "noise": Field((None, None, model.latent_size * model.block_size**2)),
    }


def signatures(model: KanervaPlusPlus, num_samples: int) -> dict[str, Signature]:
    """The signatures of a model.

    Args:
      model: with its weights.
      num_samples: N, images that `generate` and `serving_default` draw of a memory.
        Every input leads with the batch, so a request cannot choose it.

    Returns:
      write, write_marked, write_encoded, generate, generate_from_keys,
      generate_from_memory, generate_from_episode, reconstruct, refine, serving_default;
      and write_next, unless the encoder's frames see later ones.

    Raises:
      UserError: for a model whose memory is not read with keys in R^3.
    """
    fields = fields_of(model)

    def write(episode: tf.Tensor) -> Outputs:
        return _fields(model.write(episode))

    def write_marked(episode: tf.Tensor, written: tf.Tensor) -> Outputs:
        marks, images = tf.shape(written)[1], tf.shape(episode)[1]
        one_each = tf.debugging.Assert(
            tf.equal(marks, images),
            ["written must have a mark for each image of episode. Received:", marks],
        )
        with tf.control_dependencies([one_each]):
            written = tf.cast(written, tf.float32)
        return _fields(model.write(episode, written=written))

    def write_encoded(encoded: tf.Tensor) -> Outputs:
        levels = model.likelihood.levels
        return _fields(model.write(decoded(encoded, model.image_shape, levels)))

    def write_next(
        memory_cells: tf.Tensor,
        memory_coverage: tf.Tensor,
        memory_carry: tf.Tensor,
        image: tf.Tensor,
    ) -> Outputs:
        memory = Memory(memory_cells, memory_coverage, memory_carry)
        return _fields(model.write_next(memory, image))

    def drawn_from(memory: Memory, seed: tf.Tensor, temperature: tf.Tensor) -> Outputs:
        keys = model.draw_keys(num_samples, seed, temperature)
        images = model.generate_from_keys(memory, keys, seed, temperature)
        return {"images": images, "keys": keys}

    def generate(
        memory_cells: tf.Tensor,
        memory_coverage: tf.Tensor,
        seed: tf.Tensor,
        temperature: tf.Tensor,
    ) -> Outputs:
        memory = readable(model, memory_cells, memory_coverage)
        return drawn_from(memory, seed, temperature)

    def generate_from_keys(
        memory_cells: tf.Tensor, memory_coverage: tf.Tensor, keys: tf.Tensor
    ) -> Outputs:
        memory = readable(model, memory_cells, memory_coverage)
        return {"images": model.generate_from_keys(memory, keys)}

    def reconstruct(
        memory_cells: tf.Tensor,
        memory_coverage: tf.Tensor,
        memory_carry: tf.Tensor,
        queries: tf.Tensor,
    ) -> Outputs:
        memory = Memory(memory_cells, memory_coverage, memory_carry)
        keys = model.infer_keys(memory, queries)
        return {"images": model.generate_from_keys(memory, keys), "keys": keys}

    def refine(
        memory_cells: tf.Tensor,
        memory_coverage: tf.Tensor,
        memory_carry: tf.Tensor,
        images: tf.Tensor,
    ) -> Outputs:
        memory = Memory(memory_cells, memory_coverage, memory_carry)
        return {"images": model.refine(memory, images)}

    def write_and_generate(
        episode: tf.Tensor, seed: tf.Tensor, temperature: tf.Tensor
    ) -> Outputs:
        return drawn_from(model.write(episode), seed, temperature)

    plain = tf.zeros([1, 2], tf.int32), tf.ones([1])  # seed and temperature

    def generate_from_memory(
        memory_cells: tf.Tensor, memory_coverage: tf.Tensor
    ) -> Outputs:
        return generate(memory_cells, memory_coverage, *plain)

    def generate_from_episode(episode: tf.Tensor) -> Outputs:
        return write_and_generate(episode, *plain)

    drawn = {
        name: fields[name]._replace(shape=(None, num_samples, *fields[name].shape[2:]))
        for name in ("images", "keys")
    }
    offer = functools.partial(Signature.of, fields)
    memory = ("memory_cells", "memory_coverage", "memory_carry")
    offered = {
        "write": offer(write, *memory),
        "write_marked": offer(write_marked, *memory),
        "write_encoded": offer(write_encoded, *memory),
        "generate": offer(generate)._replace(outputs=drawn),
        "generate_from_keys": offer(generate_from_keys, "images"),
        "generate_from_memory": offer(generate_from_memory)._replace(outputs=drawn),
        "generate_from_episode": offer(generate_from_episode)._replace(outputs=drawn),
        "reconstruct": offer(reconstruct, "images", "keys"),
        "refine": offer(refine, "images"),
        "serving_default": offer(write_and_generate)._replace(outputs=drawn),
    }
    if model.encoder.shift != "bidirectional":
        offered["write_next"] = offer(write_next, *memory)
    return offered


def readable(model: KanervaPlusPlus, cells: tf.Tensor, coverage: tf.Tensor) -> Memory:
    """A memory for reading by keys, which needs no carry."""
    return Memory(
        cells, coverage, tf.zeros([tf.shape(cells)[0], model.encoder.carry_size])
    )


def _fields(memory: Memory) -> Outputs:
    return {f"memory_{name}": part for name, part in memory._asdict().items()}

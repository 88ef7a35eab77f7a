"""TFLite: the signatures that draw no random numbers, in builtin operations only.

One file holds them for one row of fixed length. TFLite has no stateless random numbers,
so callers bring the noise: keys, and an input `noise` for the latents. LiteRT cannot
run TensorFlow's kernels, so a model that needs them is refused.
"""

import functools
import os
import re
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from kpp_tf.errors import UserError, require
from kpp_tf.files import replacing
from kpp_tf.models import KanervaPlusPlus
from kpp_tf.models.kanerva_plus_plus import Memory
from kpp_tf.serving import export_checks
from kpp_tf.serving.saved_model import write
from kpp_tf.serving.signatures import (
    Outputs,
    Signature,
    fields_of,
    readable,
    signatures,
)
from kpp_tf.serving.specs import Field

# Signatures that draw nothing, or take the noise as an input.
NAMES = ("write", "write_next", "generate_from_keys", "reconstruct", "nearness")

# Largest allowed difference to the live model. For int8 the caller judges the returned
# differences.
TOLERANCES = {"float32": 1e-4, "float16": 1e-2, "int8": float("inf")}


def convert(
    model: KanervaPlusPlus,
    precision: str,
    length: int | None = None,
    names: Collection[str] = NAMES,
) -> tuple[bytes, dict[str, float]]:
    """Converts a model and compares the result with the live one.

    Args:
      model: with its weights.
      precision: "float32"; "float16" (weights stored in 16 bits); "int8" (weights in 8
        bits, activations quantised as they come: dynamic range).
      length: T, images of an episode and of a reading; the model's `episode_length`
        if None. A length of 1 is fastest for single images.
      names: of the signatures.

    Returns:
      (the file's bytes, the differences as `export_checks.differences` gives them).

    Raises:
      UserError: for an unknown precision, or if the model needs an operation that is
        no builtin of TFLite; names it.
      ExportMismatchError: if a difference exceeds `TOLERANCES`.
    """
    if precision not in TOLERANCES:
        raise UserError(
            f"precision must be one of {sorted(TOLERANCES)}. Received: {precision!r}"
        )
    require_extra()
    length = length or model.episode_length
    offered = _offered(model, length, names)
    with tempfile.TemporaryDirectory() as folder:
        write({n: (s.compute, s.specs()) for n, s in offered.items()}, folder)
        content = _convert(folder, list(offered), precision)
    differences = export_checks.differences(offered, LiteModel(content).run, 1, length)
    export_checks.check(differences, TOLERANCES[precision])
    return content, differences


def write_file(content: bytes, path: str | os.PathLike) -> Path:
    """Writes a converted model; UserError rather than overwrite one."""
    path = Path(path)
    if path.exists():
        raise UserError(
            "a file is never overwritten: move it, or choose another folder or name. "
            f"Received: {path}"
        )
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return path


class LiteModel:
    """A .tflite model, run by LiteRT; needs the `lite` extra.

    Args:
      content: the file's bytes.
    """

    def __init__(self, content: bytes):
        require_extra()
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_content=content, num_threads=2)
        names = self._interpreter.get_signature_list()
        self._runners = {n: self._interpreter.get_signature_runner(n) for n in names}

    @property
    def signatures(self) -> dict[str, dict[str, Field]]:
        """The inputs of each signature; all sizes are fixed."""
        return {
            name: {
                key: Field(tuple(detail["shape"]), detail["dtype"])
                for key, detail in runner.get_input_details().items()
            }
            for name, runner in self._runners.items()
        }

    def run(
        self, signature: str, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Runs a signature on inputs of batch 1."""
        return self._runners[signature](**inputs)


def require_extra() -> None:
    """Raises UserError without the `lite` extra."""
    require(
        "ai_edge_litert", "lite", "for TFLite (or export with --format=saved_model)"
    )


def _offered(
    model: KanervaPlusPlus, length: int, names: Collection[str]
) -> dict[str, Signature]:
    """The signatures by name; `generate_from_keys` takes its noise as an input."""

    def nearness(
        memory_cells: tf.Tensor,
        memory_coverage: tf.Tensor,
        memory_carry: tf.Tensor,
        queries: tf.Tensor,
    ) -> Outputs:
        memory = Memory(memory_cells, memory_coverage, memory_carry)
        return {"nearness": model.nearness(memory, queries)}

    def generate_from_keys(
        memory_cells: tf.Tensor,
        memory_coverage: tf.Tensor,
        keys: tf.Tensor,
        noise: tf.Tensor,
    ) -> Outputs:
        memory = readable(model, memory_cells, memory_coverage)
        return {"images": model.picture(model.latents_at(memory, keys, noise))}

    def fixed(fields: Mapping[str, Field]) -> dict[str, Field]:
        return {
            name: field._replace(
                shape=(1, *(length if d is None else d for d in field.shape[1:]))
            )
            for name, field in fields.items()
        }

    fields = fields_of(model)
    shape = (None, None, model.blocks_per_frame, model.reader.grid**2)
    fields["nearness"] = Field(shape, low=0.0, high=1.0)
    offer = functools.partial(Signature.of, fields)
    offered = signatures(model, length) | {
        "generate_from_keys": offer(generate_from_keys, "images"),
        "nearness": offer(nearness, "nearness"),
    }
    return {
        name: Signature(fixed(each.inputs), fixed(each.outputs), each.row)
        for name, each in offered.items()
        if name in names
    }


def _convert(folder: str, names: list[str], precision: str) -> bytes:
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=names)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    try:
        return converter.convert()
    except Exception as error:
        foreign = re.findall(r"'(?:tf\.)?(\w+)' op is neither", str(error))
        if not foreign:
            raise
        raise UserError(
            "TFLite has no builtin for what this model uses. Received: "
            f"{', '.join(sorted(set(foreign)))}"
        ) from error

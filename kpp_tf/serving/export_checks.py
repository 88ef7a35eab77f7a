"""Checks an export, a SavedModel or a TFLite file, against the live model."""

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from kpp_tf.errors import UserError
from kpp_tf.serving.signatures import Signature
from kpp_tf.serving.specs import example_inputs


class ExportMismatchError(UserError):
    """The exported model does not compute what the live model computes."""


def differences(
    offered: Mapping[str, Signature],
    run: Callable[[str, dict[str, np.ndarray]], Mapping[str, np.ndarray]],
    batch: int,
    length: int,
) -> dict[str, float]:
    """Largest differences between an exported and the live model.

    Both get the same random inputs, the live model one row at a time. The model writes
    the memories that are read, and queries are written images: random cells would give
    latents in the thousands, whose rounding says nothing about the export.

    Args:
      offered: signatures of the live model.
      run: the exported model: a signature's name and inputs to its outputs.
      batch: rows of the inputs.
      length: T of the inputs.

    Returns:
      By `signature/output`, max |exported - live| / max(1, max |live|).
    """
    known: dict[str, np.ndarray] = {}
    if "write" in offered:
        inputs = example_inputs(offered["write"].inputs, batch, length)
        known = _live(offered["write"], inputs, batch)
        # A query's key is a choice, and rounding decides between equally good keys.
        # Written images have one best key.
        known["queries"] = inputs["episode"]
    found = {}
    for name, signature in offered.items():
        inputs = example_inputs(signature.inputs, batch, length)
        # Nearness is no choice, and loses its digits at a distance of 0.
        if "queries" not in inputs or "keys" in signature.outputs:
            inputs |= {field: known[field] for field in inputs.keys() & known.keys()}
        exported = run(name, inputs)
        for output, live in _live(signature, inputs, batch).items():
            scale = max(1.0, float(np.max(np.abs(live))))
            largest = np.max(np.abs(exported[output] - live))
            found[f"{name}/{output}"] = float(largest) / scale
    return found


def _live(
    signature: Signature, inputs: Mapping[str, np.ndarray], batch: int
) -> dict[str, np.ndarray]:
    rows = [
        signature.compute(*(tf.constant(inputs[i][[row]]) for i in signature.inputs))
        for row in range(batch)
    ]
    return {
        output: np.concatenate([row[output].numpy() for row in rows])
        for output in signature.outputs
    }


def check(differences: Mapping[str, float], tolerance: float) -> None:
    """Raises ExportMismatchError if a difference exceeds the tolerance or is NaN."""
    # NaN compares false with everything, so `>` would let it pass.
    far = {name: d for name, d in differences.items() if not d <= tolerance}
    if far:
        raise ExportMismatchError(
            f"the export differs from the live model by more than {tolerance:g}, so "
            f"nothing was exported. Received: {far}"
        )

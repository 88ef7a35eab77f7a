"""How far what was exported is from the live model."""

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
    """Largest difference between an exported and the live model.

    Both get the same random inputs; the live model a row at a time. Where it writes,
    keys read a memory that it wrote, and are chosen for what was written: of numbers
    drawn at random it makes latents of thousands, and how kernels round these says
    nothing of an export.

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
        # A query's key is a choice, which rounding turns over where two are as good.
        # What was written has a best one.
        known["queries"] = inputs["episode"]
    found = {}
    for name, signature in offered.items():
        inputs = example_inputs(signature.inputs, batch, length)
        # Nearness chooses none, and has next to no digits at a distance of 0.
        if "queries" not in inputs or "keys" in signature.outputs:
            inputs |= {field: known[field] for field in inputs.keys() & known.keys()}
        exported = run(name, inputs)
        for output, live in _live(signature, inputs, batch).items():
            scale = max(1.0, float(np.max(np.abs(live))))
            largest = np.max(np.abs(exported[output] - live))
            found[f"{name}/{output}"] = float(largest) / scale
    return found


def _live(signature, inputs, batch) -> dict[str, np.ndarray]:
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

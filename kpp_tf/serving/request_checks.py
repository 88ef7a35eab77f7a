"""Checks a request against its signature, before it is sent.

A server that batches fails the whole batch for one bad row.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kpp_tf.errors import UserError
from kpp_tf.serving.specs import Field


def check_request(
    signature: str, fields: Mapping[str, Field], inputs: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Checks names, shapes, dtypes and finiteness.

    Args:
      signature: its name, for messages.
      fields: the signature's inputs.
      inputs: values to send, by input name.

    Returns:
      The inputs as arrays of the signature's dtypes.

    Raises:
      UserError: naming the input.
    """
    if inputs.keys() != fields.keys():
        raise UserError(
            f"{signature} takes the inputs {sorted(fields)}. Received: {sorted(inputs)}"
        )
    arrays = {name: _checked(name, f, inputs[name]) for name, f in fields.items()}
    rows = {name: len(array) for name, array in arrays.items()}
    if len(set(rows.values())) > 1:
        raise UserError(f"inputs must have the same batch. Received: {rows}")
    return arrays


def _checked(name: str, field: Field, value: Any) -> np.ndarray:
    if field.dtype == np.bytes_:
        array = np.asarray(value, object)
        if not all(isinstance(each, bytes) for each in array.flat):
            raise UserError(f"{name} must hold bytes. Received: other types")
        _check_shape(name, field, array)
        return array
    array = np.asarray(value)
    if not np.can_cast(array.dtype, field.dtype, casting="same_kind"):
        raise UserError(
            f"{name} must have dtype {np.dtype(field.dtype)}. Received: {array.dtype}"
        )
    _check_shape(name, field, array)
    if not np.all(np.isfinite(array)):
        raise UserError(f"{name} must hold finite numbers. Received: NaN or inf")
    cast = array.astype(field.dtype)
    if array.dtype.kind in "iu" and not np.array_equal(cast, array):
        raise UserError(
            f"{name} must hold numbers that fit {np.dtype(field.dtype)}. Received: "
            f"{array.min()} to {array.max()}"
        )
    return cast


def _check_shape(name: str, field: Field, array: np.ndarray) -> None:
    fits = array.ndim == len(field.shape) and all(
        wanted in (None, got)
        for wanted, got in zip(field.shape, array.shape, strict=True)
    )
    if not fits or not len(array):
        raise UserError(
            f"{name} must have shape {field.shape}. Received: {array.shape}"
        )

"""What the clients of TF Serving share: checks, errors, and when to try again.

A request is checked against the model's signature before it is sent: a server that
batches fails the whole batch for one bad row. Every signature is a pure function, so a
request is repeated where the server was not reached or not ready, with growing pauses;
a request that was refused or ran out of time is not.
"""

import random
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np


class ServingError(RuntimeError):
    """The server refused a request; the message is the server's."""


class UnavailableError(ServingError):
    """The server was not reached or not ready, after all attempts."""


class InputSpec(NamedTuple):
    """An input of a signature: shape with None for free sizes, and dtype."""

    shape: tuple[int | None, ...]
    dtype: type[np.generic]


class SignatureSpec(NamedTuple):
    """A signature as a server describes it."""

    inputs: dict[str, InputSpec]
    outputs: tuple[str, ...]


class Retry(NamedTuple):
    """When to try again.

    Attributes:
      attempts: in all.
      first_pause: seconds before the second attempt; each later pause is twice as
        long, and each is drawn between half of that and all of it.
      sleep: how to wait.
    """

    attempts: int = 4
    first_pause: float = 0.2
    sleep: Callable[[float], None] = time.sleep

    def call(self, function: Callable[[], Any]) -> Any:
        """Calls until the server is available; raises UnavailableError at last."""
        pause = self.first_pause
        for left in reversed(range(self.attempts)):
            try:
                return function()
            except UnavailableError:
                if not left:
                    raise
            self.sleep(pause * random.uniform(0.5, 1.0))
            pause *= 2


def check_request(
    signature: str, specs: Mapping[str, InputSpec], inputs: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Checks names, shapes, dtypes and finiteness, as far as a signature tells them.

    Args:
      signature: its name, for messages.
      specs: its inputs.
      inputs: what is to be sent, by name.

    Returns:
      The inputs as arrays of the signature's dtypes.

    Raises:
      ValueError: naming the input.
    """
    if inputs.keys() != specs.keys():
        raise ValueError(
            f"{signature} takes the inputs {sorted(specs)}. Received: {sorted(inputs)}"
        )
    arrays = {}
    for name, spec in specs.items():
        array = np.asarray(inputs[name])
        if not np.can_cast(array.dtype, spec.dtype, casting="same_kind"):
            raise ValueError(
                f"{name} must have dtype {np.dtype(spec.dtype)}. Received: "
                f"{array.dtype}"
            )
        fits = array.ndim == len(spec.shape) and all(
            wanted in (None, got)
            for wanted, got in zip(spec.shape, array.shape, strict=True)
        )
        if not fits or 0 in array.shape:
            raise ValueError(
                f"{name} must have shape {spec.shape}. Received: {array.shape}"
            )
        if not np.all(np.isfinite(array)):
            raise ValueError(f"{name} must hold finite numbers. Received: NaN or inf")
        arrays[name] = array.astype(spec.dtype)
        if array.dtype.kind in "iu" and not np.array_equal(arrays[name], array):
            raise ValueError(
                f"{name} must hold numbers that fit {np.dtype(spec.dtype)}. Received: "
                f"{array.min()} to {array.max()}"
            )
    rows = {name: len(array) for name, array in arrays.items()}
    if len(set(rows.values())) > 1:
        raise ValueError(f"inputs must have the same batch. Received: {rows}")
    return arrays


def find(specs: Mapping[str, SignatureSpec], signature: str) -> SignatureSpec:
    """The signature of that name; ValueError names the others."""
    if signature not in specs:
        raise ValueError(
            f"signature must be one of {sorted(specs)}. Received: {signature!r}"
        )
    return specs[signature]

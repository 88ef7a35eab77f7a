"""Requests to a server: known ones with their answers, and malformed ones."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from kpp_tf.serving.client_base import Client, ServingError
from kpp_tf.serving.specs import SignatureSpec, example_inputs

# Beyond what the graph allows (kpp_tf.serving.graph_checks).
TOO_MANY_ROWS, TOO_LONG = 257, 1025


class Known(NamedTuple):
    """A request and its right answer."""

    signature: str
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]

    def is_answered_by(self, client: Client) -> bool:
        """Whether the client gets the same bits."""
        got = client.predict(self.inputs, self.signature)
        return got.keys() == self.outputs.keys() and all(
            np.array_equal(got[name], value) for name, value in self.outputs.items()
        )


def known(client: Client) -> list[Known]:
    """A few requests of each signature, with the answers that the client gets now."""
    return [
        Known(name, inputs, client.predict(inputs, name))
        for name, spec in sorted(client.signatures().items())
        for rows in (1, 2, 4)
        for inputs in [example_inputs(spec.inputs, rows, length=8)]
    ]


class Malformed(NamedTuple):
    """A request that the signature cannot take; its refusal names one of the inputs."""

    signature: str
    inputs: dict[str, np.ndarray]
    names: tuple[str, ...]

    def is_refused_by(self, client: Client) -> bool:
        """Whether the server refuses it, naming what is wrong."""
        try:
            client.send(self.signature, self.inputs)
        except ServingError as refusal:
            return any(name in str(refusal) for name in self.names)
        return False


def malformed(signature: str, spec: SignatureSpec) -> Iterator[Malformed]:
    """Every way in which every input of a signature can be wrong."""

    def of(rows, length=2):
        return example_inputs(spec.inputs, rows, length)

    good, names = of(2), tuple(spec.inputs)
    yield Malformed(signature, of(TOO_MANY_ROWS, 1), names)
    for name, field in spec.inputs.items():
        value, others = good[name], {k: v for k, v in good.items() if k != name}
        wrong = [value[:0], value[0], value[..., np.newaxis], *_entries(value)]
        if value.dtype != object:
            wrong.append(value.astype(str))
        if value.dtype == np.int32:
            wrong.append(value + np.float32(0.5))
        if None in field.shape[1:]:
            wrong.append(of(2, TOO_LONG)[name])
        for axis, size in enumerate(field.shape):
            if axis and size:
                wrong.append(np.concatenate([value, value], axis))
        for one in wrong:
            yield Malformed(signature, {**others, name: one}, (name,))
        if others:
            yield Malformed(signature, {**others, name: of(3)[name]}, names)
            yield Malformed(signature, others, (name,))
        yield Malformed(signature, {**others, f"{name}_": value}, (f"{name}_",))


def _entries(value):
    """Arrays with one wrong entry."""
    wrong = [np.nan, np.inf, -1e9, 1e9] if value.dtype.kind == "f" else []
    for entry in [b"", b"GIF89a", b"\xff\xd8"] if value.dtype == object else wrong:
        one = value.copy()
        one.flat[-1] = entry
        yield one

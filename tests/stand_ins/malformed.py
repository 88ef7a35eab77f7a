"""Requests that no signature can take, each wrong in one way that is known."""

import json
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kpp_tf.serving.rest_client import as_json
from kpp_tf.serving.specs import SignatureSpec, example_inputs

# Beyond what the graph allows (kpp_tf.serving.graph_checks).
TOO_MANY_ROWS, TOO_LONG = 257, 1025


class Malformed(NamedTuple):
    """A request and what its refusal must name.

    Attributes:
      what: how it is wrong.
      names: the refusal must contain one of these.
      signature: asked for.
      inputs: arrays (or TensorProtos) by name.
      body: the JSON to send instead, over REST alone.
    """

    what: str
    names: tuple[str, ...]
    signature: str
    inputs: Mapping[str, np.ndarray]
    body: bytes | None = None


class _Valid(NamedTuple):
    """A request that the signature takes, and the input that goes wrong."""

    signature: str
    spec: SignatureSpec
    inputs: dict[str, np.ndarray]
    name: str

    @property
    def value(self) -> np.ndarray:
        return self.inputs[self.name]

    def of(self, rows: int, length: int = 2) -> dict[str, np.ndarray]:
        """Inputs of other sizes."""
        return example_inputs(self.spec.inputs, rows, length)

    def wrong(self, value, names=None, inputs=None) -> tuple:
        """The names that a refusal must contain, the inputs and no body."""
        inputs = {**self.inputs, self.name: value} if inputs is None else inputs
        return names or (self.name,), inputs, None


def draw(
    specs: Mapping[str, SignatureSpec], rng: np.random.Generator, rest: bool
) -> Malformed:
    """Draws a malformed request.

    Args:
      specs: the model's signatures.
      rng: where the choice comes from.
      rest: whether it goes over REST, where JSON knows numbers, not dtypes.
    """
    ways = [*_WAYS, *(_REST_WAYS if rest else _GRPC_WAYS)]
    while True:  # not every way of being wrong is open to every input
        signature = str(rng.choice(sorted(specs)))
        spec = specs[signature]
        inputs = example_inputs(spec.inputs, 2, 2, int(rng.integers(2**31)))
        valid = _Valid(signature, spec, inputs, str(rng.choice(sorted(inputs))))
        way = ways[rng.integers(len(ways))]
        made = way(valid, rng)
        if made is not None:
            names, changed, body = made
            asked = signature + "?" if way is _signature else signature
            return Malformed(way.__name__.strip("_"), names, asked, changed, body)


def _dtype(valid, rng):
    if valid.value.dtype == object:
        return valid.wrong(np.zeros(valid.value.shape, np.float32))
    return valid.wrong(valid.value.astype(str))


def _fractions(valid, rng):
    if valid.value.dtype == np.int32:
        return valid.wrong(valid.value + np.float32(0.5))


def _rank(valid, rng):
    return valid.wrong(valid.value[..., None] if rng.random() < 0.5 else valid.value[0])


def _size(valid, rng):
    shape = valid.spec.inputs[valid.name].shape
    fixed = [axis for axis, size in enumerate(shape) if axis and size]
    if fixed:
        axis = int(rng.choice(fixed))
        return valid.wrong(np.concatenate([valid.value, valid.value], axis=axis))


def _number(valid, rng):
    if valid.value.dtype == object:
        value = valid.value.copy()
        value.flat[rng.integers(value.size)] = rng.choice([b"", b"GIF89a", b"\xff\xd8"])
        return valid.wrong(value)
    if valid.value.dtype != np.int32:
        value = valid.value.copy()
        wrong = [np.nan, np.inf, -np.inf, 1e9, -1e9]
        value.flat[rng.integers(value.size)] = rng.choice(wrong)
        return valid.wrong(value)


def _unequal_rows(valid, rng):
    if len(valid.inputs) > 1:
        return valid.wrong(valid.of(rows=3)[valid.name], tuple(valid.inputs))


def _huge_batch(valid, rng):
    inputs = valid.of(rows=TOO_MANY_ROWS, length=1)
    return valid.wrong(None, tuple(inputs), inputs)


def _long(valid, rng):
    if None in valid.spec.inputs[valid.name].shape[1:]:
        return valid.wrong(valid.of(rows=2, length=TOO_LONG)[valid.name])


def _empty(valid, rng):
    return valid.wrong(valid.value[:0])


def _missing(valid, rng):
    rest = {key: value for key, value in valid.inputs.items() if key != valid.name}
    return valid.wrong(None, inputs=rest) if rest else None


def _unknown_name(valid, rng):
    inputs = {**valid.inputs, valid.name + "_": valid.value}
    del inputs[valid.name]
    return valid.wrong(None, (valid.name + "_",), inputs)


def _signature(valid, rng):
    return ("signature_name",), valid.inputs, None


def _bomb(valid, rng):
    """A few bytes that stand for a tensor of terabytes."""
    proto = tf.make_tensor_proto(valid.value.flat[0])
    for size in (1 << 20, 1 << 20):
        proto.tensor_shape.dim.add(size=size)
    return valid.wrong(proto)


def _truncated(valid, rng):
    if valid.value.dtype == object:
        return None  # strings have no such content
    proto = tf.make_tensor_proto(valid.value)
    proto.tensor_content = proto.tensor_content[:-1]
    return valid.wrong(proto)


def _json(valid, names, **body):
    body = {"signature_name": valid.signature, **body}
    return names, {}, json.dumps(body).encode()


def _ragged(valid, rng):
    columns = {key: as_json(value) for key, value in valid.inputs.items()}
    columns[valid.name] = [columns[valid.name][0], [columns[valid.name][1]]]
    return _json(valid, (valid.name,), inputs=columns)


def _no_json(valid, rng):
    body = rng.choice([b"", b"{", b"[1]", b"null", b"\xff\xfe", b"[" * 100_000])
    return ("JSON",), {}, bytes(body)


def _no_inputs(valid, rng):
    both = {"instances": [], "inputs": {}} if rng.random() < 0.5 else {}
    return _json(valid, ("instances",), **both)


def _odd_rows(valid, rng):
    odd = [[], [{}, 3], "rows", {"a": 1}]
    rows = odd[rng.integers(len(odd))]
    return _json(valid, ("instances", "missing"), instances=rows)


_WAYS = (
    _dtype,
    _fractions,
    _rank,
    _size,
    _number,
    _unequal_rows,
    _huge_batch,
    _long,
    _empty,
    _missing,
    _unknown_name,
    _signature,
)
_GRPC_WAYS = (_bomb, _truncated)
_REST_WAYS = (_ragged, _no_json, _no_inputs, _odd_rows)

"""Requests that no signature can take, each wrong in one way that is known."""

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kpp_tf.serving.client import SignatureSpec
from kpp_tf.serving.signatures import FREE_FLOATS

# Beyond what the graph allows (kpp_tf.serving.checks).
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


def valid(
    spec: SignatureSpec, rng: np.random.Generator, rows: int, length: int
) -> dict[str, np.ndarray]:
    """A request that the signature takes."""
    inputs = {}
    for name, (shape, dtype) in spec.inputs.items():
        sizes = [rows, *(length if size is None else size for size in shape[1:])]
        if dtype == np.int32:
            inputs[name] = rng.integers(-(2**31), 2**31, sizes, dtype=np.int32)
        elif name in FREE_FLOATS:
            inputs[name] = rng.standard_normal(sizes, dtype=np.float32)
        else:  # images, and temperatures
            inputs[name] = (rng.random(sizes) > 0.8).astype(np.float32)
    return inputs


def draw(
    specs: Mapping[str, SignatureSpec], rng: np.random.Generator, rest: bool
) -> Malformed:
    """Draws a malformed request.

    Args:
      specs: the model's signatures.
      rng: where the choice comes from.
      rest: whether it goes over REST, where JSON knows numbers, not dtypes.
    """
    signature = str(rng.choice(sorted(specs)))
    inputs = valid(specs[signature], rng, rows=2, length=2)
    name = str(rng.choice(sorted(inputs)))
    wrongs = [*_WRONGS, *(_REST_WRONGS if rest else _GRPC_WRONGS)]
    wrong: Callable = wrongs[rng.integers(len(wrongs))]
    changed = wrong(signature, inputs, name, specs[signature], rng)
    # Not every way of being wrong is open to every input.
    return draw(specs, rng, rest) if changed is None else changed


def _of(what, signature, inputs, name, value, names=None):
    changed = {**inputs, name: value}
    return Malformed(what, names or (name,), signature, changed)


def _dtype(signature, inputs, name, spec, rng):
    del spec, rng
    other = inputs[name].astype(str)
    return _of("dtype", signature, inputs, name, other)


def _fraction(signature, inputs, name, spec, rng):
    del spec, rng
    if inputs[name].dtype != np.int32:
        return None
    return _of("fractions", signature, inputs, name, inputs[name] + np.float32(0.5))


def _rank(signature, inputs, name, spec, rng):
    del spec
    value = inputs[name][..., None] if rng.random() < 0.5 else inputs[name][0]
    return _of("rank", signature, inputs, name, value)


def _size(signature, inputs, name, spec, rng):
    fixed = [i for i, size in enumerate(spec.inputs[name].shape) if i and size]
    if not fixed:
        return None
    axis = int(rng.choice(fixed))
    value = np.concatenate([inputs[name], inputs[name]], axis=axis)
    return _of("size", signature, inputs, name, value)


def _number(signature, inputs, name, spec, rng):
    del spec
    if inputs[name].dtype == np.int32:
        return None
    value = inputs[name].copy()
    wrong = [np.nan, np.inf, -np.inf, 1e9, -1e9]
    value.flat[rng.integers(value.size)] = rng.choice(wrong)
    return _of("number", signature, inputs, name, value)


def _rows(signature, inputs, name, spec, rng):
    if len(inputs) == 1:
        return None
    value = valid(spec, rng, rows=3, length=2)[name]
    return _of("unequal rows", signature, inputs, name, value, tuple(inputs))


def _huge_batch(signature, inputs, name, spec, rng):
    del name
    inputs = valid(spec, rng, rows=TOO_MANY_ROWS, length=1)
    return Malformed("huge batch", tuple(inputs), signature, inputs)


def _long(signature, inputs, name, spec, rng):
    if None not in spec.inputs[name].shape[1:]:
        return None
    value = valid(spec, rng, rows=2, length=TOO_LONG)[name]
    return _of("long", signature, inputs, name, value)


def _empty(signature, inputs, name, spec, rng):
    del spec, rng
    return _of("empty", signature, inputs, name, inputs[name][:0])


def _missing(signature, inputs, name, spec, rng):
    del spec, rng
    rest = {key: value for key, value in inputs.items() if key != name}
    return Malformed("missing", (name,), signature, rest) if rest else None


def _unknown(signature, inputs, name, spec, rng):
    del spec, rng
    changed = {**inputs, name + "_": inputs[name]}
    del changed[name]
    return Malformed("unknown name", (name + "_",), signature, changed)


def _signature(signature, inputs, name, spec, rng):
    del name, spec, rng
    return Malformed("signature", ("signature_name",), signature + "?", inputs)


def _bomb(signature, inputs, name, spec, rng):
    """A few bytes that stand for a tensor of terabytes."""
    del spec, rng
    proto = tf.make_tensor_proto(inputs[name].flat[0])
    for size in (1 << 20, 1 << 20):
        proto.tensor_shape.dim.add(size=size)
    return _of("bomb", signature, inputs, name, proto)


def _truncated(signature, inputs, name, spec, rng):
    del spec, rng
    proto = tf.make_tensor_proto(inputs[name])
    proto.tensor_content = proto.tensor_content[:-1]
    return _of("truncated", signature, inputs, name, proto)


def _ragged(signature, inputs, name, spec, rng):
    del spec, rng
    columns = {key: value.tolist() for key, value in inputs.items()}
    columns[name] = [columns[name][0], [columns[name][1]]]
    body = {"signature_name": signature, "inputs": columns}
    return Malformed("ragged", (name,), signature, {}, json.dumps(body).encode())


def _no_json(signature, inputs, name, spec, rng):
    del inputs, name, spec
    body = rng.choice([b"", b"{", b"[1]", b"null", b"\xff\xfe", b"[" * 100_000])
    return Malformed("no JSON", ("JSON",), signature, {}, bytes(body))


def _no_inputs(signature, inputs, name, spec, rng):
    del inputs, name, spec
    body = {"signature_name": signature}
    if rng.random() < 0.5:
        body |= {"instances": [], "inputs": {}}
    return Malformed(
        "no inputs", ("instances",), signature, {}, json.dumps(body).encode()
    )


def _odd_rows(signature, inputs, name, spec, rng):
    del inputs, name, spec
    odd = [[], [{}, 3], "rows", {"a": 1}]
    body = {"signature_name": signature, "instances": odd[rng.integers(len(odd))]}
    names = ("instances", "missing")
    return Malformed("odd rows", names, signature, {}, json.dumps(body).encode())


_WRONGS = (
    _dtype,
    _fraction,
    _rank,
    _size,
    _number,
    _rows,
    _huge_batch,
    _long,
    _empty,
    _missing,
    _unknown,
    _signature,
)
_GRPC_WRONGS = (_bomb, _truncated)
_REST_WRONGS = (_ragged, _no_json, _no_inputs, _odd_rows)

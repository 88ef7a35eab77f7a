"""Refusals by the graph itself, in a session that checks no shape that it is fed."""

import numpy as np
import pytest

from kpp_tf.serving.signatures import signatures
from kpp_tf.serving.specs import SignatureSpec
from tests.serving.tiny_models import LENGTH, NAMES
from tests.stand_ins.servable import RequestError
from tests.stand_ins.traffic import malformed


def request(rows=2, length=3):
    rng = np.random.default_rng(0)
    return {
        "episode": rng.integers(0, 2, [rows, length, 8, 8, 1]).astype(np.float32),
        "memory_cells": rng.standard_normal([rows, 2, 2, 8], dtype=np.float32),
        "memory_coverage": np.ones([rows, 2, 2], np.float32),
        "written": np.ones([rows, length], np.int32),
        "keys": rng.standard_normal([rows, length, 1, 3], dtype=np.float32),
        "seed": np.zeros([rows, 2], np.int32),
        "temperature": np.ones([rows], np.float32),
    }


FIELDS = {
    "write": ("episode",),
    "write_marked": ("episode", "written"),
    "generate": ("memory_cells", "memory_coverage", "seed", "temperature"),
    "generate_from_keys": ("memory_cells", "memory_coverage", "keys"),
    "serving_default": ("episode", "seed", "temperature"),
}


def ask(servable, signature, **changes):
    inputs = {name: request()[name] for name in FIELDS.get(signature, ())} | changes
    return servable.predict(signature, inputs)


def with_number(name, number):
    value = request()[name].copy()
    value.flat[-1] = number
    return {name: value}


@pytest.mark.parametrize("signature", NAMES)
def test_malformed_inputs_are_refused_by_name(servable, model, signature):
    spec = SignatureSpec(signatures(model, LENGTH)[signature].inputs, ())
    for request in malformed(signature, spec):
        with pytest.raises(RequestError, match="|".join(request.names)):
            servable.predict(signature, request.inputs)


@pytest.mark.parametrize(
    ("signature", "changes", "message"),
    [
        ("write", {"episode": np.zeros([2, 3, 8, 9, 1], np.float32)}, "episode .*8 9"),
        ("write", with_number("episode", 1.5), r"episode .*\[0, 1\].*1.5"),
        ("write", with_number("episode", -0.5), "episode .*-0.5"),
        ("write_marked", with_number("written", 2), r"written .*\[0, 1\].*\[2\]"),
        (
            "write_marked",
            {"written": np.ones([2, 4], np.int32)},
            "written must .* mark .*episode",
        ),
        (
            "generate",
            {"memory_cells": np.zeros([2, 3, 3, 8], np.float32)},
            r"memory_cells must have shape \[B, 2, 2, 8\].*3 3 8",
        ),
        ("generate", with_number("memory_coverage", 1.25), "memory_coverage .*1.25"),
        ("generate", with_number("memory_coverage", -0.5), "memory_coverage .*-0.5"),
        ("generate", with_number("temperature", -1.0), "temperature .*-1"),
        (
            "generate",
            {"seed": np.zeros([3, 2], np.int32)},
            "seed .*rows as memory_cells",
        ),
        ("generate_from_keys", with_number("keys", 61.0), "keys .*61"),
        ("paint", {}, "signature_name 'paint'"),
    ],
)
def test_a_refusal_says_what_was_received(servable, signature, changes, message):
    with pytest.raises(RequestError, match=message):
        ask(servable, signature, **changes)


@pytest.mark.parametrize("signature", sorted(FIELDS))
def test_the_bounds_themselves_are_allowed(servable, signature):
    edges = {
        "episode": np.ones([256, 1, 8, 8, 1], np.float32),
        "memory_cells": np.full([256, 2, 2, 8], 1e6, np.float32),
        "memory_coverage": np.ones([256, 2, 2], np.float32),
        "written": np.zeros([256, 1], np.int32),
        "keys": np.full([256, 1, 1, 3], -60, np.float32),
        "seed": np.full([256, 2], -(2**31), np.int32),
        "temperature": np.full([256], 10, np.float32),
    }
    inputs = {name: edges[name] for name in FIELDS[signature]}
    for value in servable.predict(signature, inputs).values():
        assert len(value) == 256
        assert np.all(np.isfinite(value))

"""Refusals by the graph itself, in a session that checks no shape that it is fed."""

import numpy as np
import pytest

from kpp_tf.serving.signatures import signatures
from kpp_tf.serving.specs import SignatureSpec, example_inputs
from tests.serving.tiny_models import LENGTH, NAMES
from tests.stand_ins.servable import RequestError
from tests.stand_ins.traffic import malformed


@pytest.fixture(scope="module")
def offers(model):
    return signatures(model, LENGTH)


@pytest.mark.parametrize("signature", NAMES)
def test_malformed_inputs_are_refused_by_name(servable, offers, signature):
    spec = SignatureSpec(offers[signature].inputs, ())
    for request in malformed(signature, spec):
        with pytest.raises(RequestError, match="|".join(request.names)):
            servable.predict(signature, request.inputs)


@pytest.mark.parametrize(
    ("signature", "name", "wrong", "message"),
    [
        ("write", "episode", (2, 3, 8, 9, 1), "episode .*8 9"),
        ("write", "episode", 1.5, r"episode .*\[0, 1\].*1.5"),
        ("write", "episode", -0.5, "episode .*-0.5"),
        ("write_marked", "written", 2, r"written .*\[0, 1\].*\[2\]"),
        ("write_marked", "written", (2, 4), "written must .* mark .*episode"),
        (
            "generate",
            "memory_cells",
            (2, 3, 3, 8),
            r"memory_cells must have shape \[B, 2, 2, 8\].*3 3 8",
        ),
        ("generate", "memory_coverage", 1.25, "memory_coverage .*1.25"),
        ("generate", "memory_coverage", -0.5, "memory_coverage .*-0.5"),
        ("generate", "temperature", -1.0, "temperature .*-1"),
        ("generate", "seed", (3, 2), "seed .*rows as memory_cells"),
        ("generate_from_keys", "keys", 61.0, "keys .*61"),
    ],
)
def test_a_refusal_says_what_was_received(
    servable, offers, signature, name, wrong, message
):
    """`wrong` is a shape, or a number among right ones."""
    inputs = example_inputs(offers[signature].inputs, batch=2, length=3)
    if isinstance(wrong, tuple):
        inputs[name] = np.zeros(wrong, inputs[name].dtype)
    else:
        inputs[name].flat[-1] = wrong
    with pytest.raises(RequestError, match=message):
        servable.predict(signature, inputs)


@pytest.mark.parametrize(
    "signature",
    ["generate", "generate_from_keys", "serving_default", "write", "write_marked"],
)
def test_the_bounds_themselves_are_allowed(servable, offers, signature):
    edges = {
        "episode": 1,
        "memory_cells": 1e6,
        "memory_coverage": 1,
        "written": 0,
        "keys": -60,
        "seed": -(2**31),
        "temperature": 10,
    }
    inputs = {
        name: np.full_like(value, edges[name])
        for name, value in example_inputs(offers[signature].inputs, 256, 1).items()
    }
    for value in servable.predict(signature, inputs).values():
        assert len(value) == 256
        assert np.all(np.isfinite(value))

"""Refusals by the graph itself, in a session that checks no shape that it is fed."""

import numpy as np
import pytest

from tests.stand_ins.servable import RequestError, array


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
    inputs = {name: request()[name] for name in FIELDS[signature]} | changes
    return servable.predict(signature, inputs)


def with_number(name, number):
    value = request()[name].copy()
    value.flat[-1] = number
    return {name: value}


@pytest.mark.parametrize(
    ("signature", "changes", "message"),
    [
        ("write", {"episode": np.zeros([2, 8, 8, 1], np.float32)}, "episode .*shape"),
        ("write", {"episode": np.zeros([], np.float32)}, "episode .*shape"),
        ("write", {"episode": np.zeros([2, 3, 8, 9, 1], np.float32)}, "episode .*8 9"),
        ("write", {"episode": np.zeros([2, 3, 8, 8, 3], np.float32)}, "episode .*8 3"),
        ("write", {"episode": np.zeros([0, 3, 8, 8, 1], np.float32)}, "episode .*bat"),
        (
            "write",
            {"episode": np.zeros([257, 1, 8, 8, 1], np.float32)},
            "episode .*257",
        ),
        (
            "write",
            {"episode": np.zeros([1, 1025, 8, 8, 1], np.float32)},
            "isode .*1025",
        ),
        ("write", {"episode": np.zeros([2, 3, 8, 8, 1])}, "episode .*dtype float32"),
        ("write", with_number("episode", np.nan), r"episode .*\[0, 1\]"),
        ("write", with_number("episode", 1.5), "episode .*1.5"),
        ("write", with_number("episode", -0.5), "episode .*-0.5"),
        ("write_marked", with_number("written", 2), r"written .*\[0, 1\].*\[2\]"),
        (
            "write_marked",
            {"written": np.ones([2, 4], np.int32)},
            "written must .* mark .*episode",
        ),
        ("generate", with_number("memory_cells", np.inf), "memory_cells .*inf"),
        (
            "generate",
            {"memory_cells": np.zeros([2, 3, 3, 8], np.float32)},
            r"memory_cells must have shape \[B, 2, 2, 8\].*3 3 8",
        ),
        ("generate", with_number("memory_coverage", 1.25), "memory_coverage .*1.25"),
        ("generate", with_number("memory_coverage", -0.5), "memory_coverage .*-0.5"),
        ("generate", with_number("memory_coverage", np.nan), "memory_coverage .*nan"),
        ("generate_from_keys", with_number("keys", np.nan), "keys .*nan"),
        ("generate", with_number("temperature", -1.0), "temperature .*-1"),
        ("generate", with_number("temperature", np.nan), "temperature .*nan"),
        ("generate", {"seed": np.zeros([2], np.int32)}, "seed .*shape"),
        ("generate", {"seed": np.zeros([2, 3], np.int32)}, r"seed .*\[2 3\]"),
        (
            "generate",
            {"seed": np.zeros([3, 2], np.int32)},
            "seed .*rows as memory_cells",
        ),
        ("generate", {"temperature": np.ones([2, 1], np.float32)}, "temperature .*2 1"),
        ("generate_from_keys", with_number("keys", 61.0), "keys .*61"),
        (
            "generate_from_keys",
            {"keys": request(3)["keys"]},
            "keys .*rows as memory_cells",
        ),
        ("serving_default", with_number("episode", np.nan), "episode"),
        ("write", {"epsiode": request()["episode"]}, "'epsiode' is not in"),
    ],
)
def test_malformed_inputs_are_refused_by_name(servable, signature, changes, message):
    with pytest.raises(RequestError, match=message):
        ask(servable, signature, **changes)
    assert ask(servable, signature)  # the next request is answered


def test_missing_input_and_unknown_signature_are_refused(servable):
    with pytest.raises(RequestError, match="'seed' is missing"):
        servable.predict(
            "generate",
            {
                n: request()[n]
                for n in ("memory_cells", "memory_coverage", "temperature")
            },
        )
    with pytest.raises(RequestError, match="signature_name 'paint'"):
        servable.predict("paint", {})


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


def test_a_tensor_of_terabytes_is_refused_before_it_unfolds():
    from tensorflow import make_tensor_proto

    proto = make_tensor_proto(1.0)
    for _ in range(2):
        proto.tensor_shape.dim.add(size=1 << 20)
    with pytest.raises(RequestError, match="keys must take at most"):
        array("keys", proto)

"""TFLite: three precisions, compared with the live model."""

import functools
import sys

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.errors import UserError
from kpp_tf.serving import export_checks, saved_model, tflite
from kpp_tf.serving.signatures import Signature, signatures
from kpp_tf.serving.specs import Field, example_inputs
from tests.serving.tiny_models import LENGTH


@pytest.fixture(scope="module")
def converted(model):
    """(content, differences) by precision; conversion costs seconds."""
    return functools.cache(lambda precision: tflite.convert(model, precision))


def test_float32_computes_what_the_live_model_computes(model, converted):
    content, differences = converted("float32")
    assert max(differences.values()) <= 1e-4
    lite = tflite.LiteModel(content)
    drawn = tf.random.stateless_uniform([1, LENGTH, 8, 8, 1], [3, 4])
    episode = tf.cast(drawn > 0.7, tf.float32)
    written = lite.run("write", {"episode": episode.numpy()})
    memory = model.write(episode)
    for name, value in memory._asdict().items():
        np.testing.assert_allclose(written[f"memory_{name}"], value, atol=1e-4)
    carry = written.pop("memory_carry")
    keys = model.draw_keys(LENGTH, noise.row_seeds([0, 1], 1))
    noise_shape = lite.signatures["generate_from_keys"]["noise"].shape
    quiet = np.zeros(noise_shape, np.float32)
    inputs = {**written, "keys": keys.numpy(), "noise": quiet}
    images = lite.run("generate_from_keys", inputs)["images"]
    expected = model.generate_from_keys(memory, keys)
    np.testing.assert_allclose(images, expected, atol=1e-4)
    written["memory_carry"] = carry
    found = lite.run("reconstruct", {**written, "queries": episode.numpy()})
    expected = model.infer_keys(memory, episode)
    np.testing.assert_allclose(found["keys"], expected, atol=1e-4)
    near = lite.run("nearness", {**written, "queries": episode.numpy()})["nearness"]
    keys = tf.gather(model.slot_keys(), near.argmax(axis=-1))
    again = model.generate_from_keys(memory, keys)
    np.testing.assert_allclose(again, model.refine(memory, episode), atol=1e-4)


def test_keys_are_compared_where_they_have_a_best_choice(model):
    """What was written is recalled; other queries choose by a hair."""
    asked = {}

    def run(name, inputs):
        asked[name] = inputs
        values = (tf.constant(inputs[i]) for i in offered[name].inputs)
        return {k: v.numpy() for k, v in offered[name].compute(*values).items()}

    offered = signatures(model, 1)
    found = export_checks.differences(offered, run, 1, LENGTH)
    assert max(found.values()) == 0
    episode = asked["write"]["episode"]
    np.testing.assert_array_equal(asked["reconstruct"]["queries"], episode)
    memory = model.write(tf.constant(episode))
    np.testing.assert_allclose(asked["reconstruct"]["memory_cells"], memory.cells)


def test_some_signatures_for_one_image(model):
    names = ["generate_from_keys", "write_next"]
    lite = tflite.LiteModel(tflite.convert(model, "float32", 1, names)[0])
    assert sorted(lite.signatures) == names
    assert lite.signatures["generate_from_keys"]["keys"].shape == (1, 1, 1, 3)


def test_noise_moves_the_latents(converted):
    lite = tflite.LiteModel(converted("float32")[0])
    inputs = example_inputs(lite.signatures["generate_from_keys"], 1, 1)
    quiet = inputs | {"noise": np.zeros_like(inputs["noise"])}
    images = [lite.run("generate_from_keys", i)["images"] for i in (inputs, quiet)]
    assert np.max(np.abs(images[0] - images[1])) > 1e-3


def test_float16_is_near_and_about_half_as_large(converted):
    content, differences = converted("float16")
    assert 0 < max(differences.values()) <= 1e-2
    assert len(content) < 0.6 * len(converted("float32")[0])


def test_int8_is_smaller_still(converted):
    content, differences = converted("int8")
    assert all(np.isfinite(value) for value in differences.values())
    assert len(content) < 0.4 * len(converted("float32")[0])


def test_an_operation_that_tflite_lacks_is_named(model, monkeypatch):
    field = {"noise": Field((1, 3))}
    erfinv = Signature(field, field, lambda noise: {"noise": tf.math.erfinv(noise)})
    monkeypatch.setattr(tflite, "signatures", lambda *_: {"write": erfinv})
    with pytest.raises(UserError, match="Erfinv"):
        tflite.convert(model, "float32", names=["write"])


@pytest.mark.parametrize("difference", [2e-4, float("nan")])
def test_a_difference_beyond_the_tolerance_is_refused(difference):
    near = {"a/b": 0.0, "a/c": 1e-4}
    export_checks.check(near, 1e-4)
    with pytest.raises(export_checks.ExportMismatchError, match="Received: {'a/b'"):
        export_checks.check(near | {"a/b": difference}, 1e-4)


def test_differences_are_relative_to_large_outputs_alone():
    field = {"keys": Field((1, 2))}
    live = Signature(field, field, lambda keys: {"keys": 0 * keys + [0.5, -4.0]})

    def run(name, inputs):
        assert name == "read" and inputs["keys"].shape == (3, 2)
        return {"keys": np.tile(np.float32([0.5, -4.2]), [3, 1])}

    found = export_checks.differences({"read": live}, run, batch=3, length=1)
    assert found == {"read/keys": pytest.approx(0.05)}


def test_memories_that_are_read_are_those_that_were_written():
    episode, cells = {"episode": Field((None, 2))}, {"memory_cells": Field((None, 2))}
    offered = {
        "read": Signature(cells, cells, lambda rows: {"memory_cells": 2 * rows}),
        "write": Signature(episode, cells, lambda rows: {"memory_cells": rows + 7}),
    }
    given = {}

    def run(name, inputs):
        given[name] = inputs
        (value,) = inputs.values()
        return {"memory_cells": 2 * value if name == "read" else value + 7}

    found = export_checks.differences(offered, run, batch=3, length=1)
    assert found == {"read/memory_cells": 0.0, "write/memory_cells": 0.0}
    written = given["write"]["episode"] + 7
    np.testing.assert_array_equal(given["read"]["memory_cells"], written)


def test_unknown_precision_is_refused(model):
    with pytest.raises(UserError, match="Received: 'int4'"):
        tflite.convert(model, "int4")


def test_files_are_written_once(tmp_path):
    path = tflite.write_file(b"first", tmp_path / "deep" / "m.tflite")
    with pytest.raises(UserError, match="never overwritten"):
        tflite.write_file(b"second", path)
    assert path.read_bytes() == b"first"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("module", "start", "message"),
    [
        ("tensorflow_serving", "export", r"kpp_tf\[serving\].*tensorflow_serving"),
        ("ai_edge_litert", "convert", r"kpp_tf\[lite\].*ai_edge_litert"),
    ],
)
def test_a_missing_extra_is_named_before_the_work(
    model, tmp_path, monkeypatch, module, start, message
):
    monkeypatch.setitem(sys.modules, module, None)  # as not installed
    with pytest.raises(UserError, match=message):
        if start == "export":
            saved_model.export(model, tmp_path, "m")
        else:
            tflite.convert(model, "float32")
    assert not list(tmp_path.iterdir())

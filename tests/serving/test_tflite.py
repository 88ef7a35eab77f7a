"""TFLite: three precisions, compared with the live model and by their bound."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.serving import tflite
from tests.serving.tiny_models import LENGTH, WRITERS

NAMES = ["decode", "generate_from_keys", "write"]


@pytest.fixture(scope="module")
def converted(models):
    """(content, differences) by writer and precision; conversion costs seconds."""
    done = {}

    def convert(writer, precision):
        if (writer, precision) not in done:
            done[writer, precision] = tflite.convert(models[writer], precision)
        return done[writer, precision]

    return convert


@pytest.fixture(scope="module")
def episode():
    drawn = tf.random.stateless_uniform([2, LENGTH, 8, 8, 1], [3, 4])
    return tf.cast(drawn > 0.7, tf.float32)


@pytest.mark.parametrize("writer", WRITERS)
def test_float32_computes_what_the_live_model_computes(
    models, converted, episode, writer
):
    model, (content, differences) = models[writer], converted(writer, "float32")
    assert {name.partition("/")[0] for name in differences} == set(NAMES)
    assert max(differences.values()) <= 1e-4
    lite = tflite.LiteModel(content)
    memory = lite.run_rows("write", "memory", episode=episode)
    np.testing.assert_allclose(memory, model.write(episode), atol=1e-4)
    keys = model.draw_keys(LENGTH, noise.row_seeds([0, 1], 2))
    nothing = np.zeros([2, LENGTH, model.latent_size], np.float32)
    images = lite.run_rows(
        "generate_from_keys", "images", memory=memory, keys=keys, noise=nothing
    )
    expected = model.generate_from_keys(tf.constant(memory), keys)
    np.testing.assert_allclose(images, expected, atol=1e-4)


def test_noise_moves_the_latents(models, converted):
    lite = tflite.LiteModel(converted("pooled", "float32")[0])
    inputs = lite.example_inputs("generate_from_keys")
    quiet = inputs | {"noise": np.zeros_like(inputs["noise"])}
    images = [lite.run("generate_from_keys", i)["images"] for i in (inputs, quiet)]
    assert np.max(np.abs(images[0] - images[1])) > 1e-3


def test_float16_is_near_and_about_half_as_large(converted):
    content, differences = converted("pooled", "float16")
    assert 0 < max(differences.values()) <= 1e-2
    assert len(content) < 0.6 * len(converted("pooled", "float32")[0])


def test_int8_is_smaller_still(converted):
    content, differences = converted("pooled", "int8")
    assert all(np.isfinite(value) for value in differences.values())
    assert len(content) < 0.4 * len(converted("pooled", "float32")[0])


@pytest.mark.parametrize("writer", WRITERS)
def test_float32_has_the_live_models_bound(models, converted, episode, writer):
    seeds = noise.row_seeds([5, 6], 2)
    lite = tflite.LiteModel(converted(writer, "float32")[0])
    live = tflite.bound(models[writer], episode, seeds)
    assert tflite.bound(models[writer], episode, seeds, lite) == pytest.approx(
        live, rel=1e-5
    )
    other = tflite.bound(models[writer], episode, seeds + 1, lite)
    assert other != pytest.approx(live, rel=1e-5)  # the draws do matter


def test_an_operation_that_tflite_lacks_is_named(models, monkeypatch):
    def functions(model):
        spec = tf.TensorSpec([1, 3], tf.float32, "x")
        return {
            name: (lambda x: {"y": tf.math.erfinv(x)}, [spec])
            for name in ("write", "generate_from_keys", "decode")
        }

    monkeypatch.setattr(tflite, "_functions", functions)
    with pytest.raises(tflite.UnsupportedOpError, match="Erfinv"):
        tflite.convert(models["pooled"], "float32")


def test_a_difference_beyond_the_tolerance_is_refused(models, monkeypatch):
    monkeypatch.setattr(tflite, "_save", lambda *_: None)
    monkeypatch.setattr(tflite, "_convert", lambda *_: b"")
    monkeypatch.setattr(tflite, "LiteModel", lambda content: None)
    for difference in (2e-4, float("nan")):
        monkeypatch.setattr(tflite, "compare", lambda *_, d=difference: {"a/b": d})
        with pytest.raises(RuntimeError, match="a/b of the float32 model differs"):
            tflite.convert(models["pooled"], "float32")


def test_unknown_precision_is_refused(models):
    with pytest.raises(ValueError, match="Received: 'int4'"):
        tflite.convert(models["pooled"], "int4")


def test_files_are_written_once(tmp_path):
    path = tflite.write_file(b"first", tmp_path / "deep" / "m.tflite")
    with pytest.raises(FileExistsError, match="nothing is overwritten"):
        tflite.write_file(b"second", path)
    assert path.read_bytes() == b"first"
    assert list(path.parent.iterdir()) == [path]

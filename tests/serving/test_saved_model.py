"""The export: what it computes, where it lies, what it needs to load."""

import io
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kpp_tf.errors import UserError
from kpp_tf.models import build_model
from kpp_tf.models.kanerva_plus_plus import Memory
from kpp_tf.serving import saved_model, warmup
from kpp_tf.serving.export_checks import ExportMismatchError
from kpp_tf.serving.signatures import signatures
from kpp_tf.serving.specs import example_inputs
from tests.programs import python
from tests.serving.tiny_models import LENGTH, NAMES, tiny_config

# Runs where no module of this project can be imported.
FOREIGN_PROGRAM = """
import sys
for name in ("kpp_tf", "configs", "tools", "keras", "tensorflow_probability"):
    sys.modules[name] = None  # importing it raises ModuleNotFoundError
import numpy as np
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
inputs = np.load(sys.argv[2])
outputs = loaded.signatures["serving_default"](
    **{name: tf.constant(inputs[name]) for name in inputs.files}
)
np.savez(sys.argv[3], **{name: value.numpy() for name, value in outputs.items()})
assert not any(name.startswith("kpp_tf.") for name in sys.modules)
"""


def requests(model, name, batch, seed=0):
    """Inputs of a signature; memories are written ones, as servers are asked for."""
    fields = signatures(model, LENGTH)[name].inputs
    drawn = example_inputs(fields, batch, LENGTH, seed)
    episode = (np.random.default_rng(9).random([batch, 3, 8, 8, 1]) > 0.8) * 1.0
    memory = model.write(tf.constant(episode, tf.float32))
    parts = {f"memory_{key}": part for key, part in memory._asdict().items()}
    drawn |= {key: parts[key] for key in parts.keys() & drawn.keys()}
    return {key: tf.constant(value) for key, value in drawn.items()}


def test_exports_differ_from_the_live_model_by_at_most_1e_5(exported):
    assert {name.partition("/")[0] for name in exported.differences} == set(NAMES)
    assert max(exported.differences.values()) <= 1e-5


def test_signatures_compute_the_models_own_methods(model, offered):
    inputs = requests(model, "generate", 2)
    inputs |= requests(model, "write_next", 2) | requests(model, "write_marked", 2)
    seed, temperature, image = (inputs[k] for k in ("seed", "temperature", "image"))
    episode, written = inputs["episode"], inputs["written"]
    memory = Memory(*(inputs[f"memory_{field}"] for field in Memory._fields))
    images = model.generate(memory, LENGTH, seed, temperature)
    keys = model.draw_keys(LENGTH, seed, temperature)
    expected = {
        "generate": [images, keys],
        "generate_from_keys": [model.generate_from_keys(memory, keys)],
        "refine": [model.refine(memory, images)],
        "write": model.write(episode),
        "write_marked": model.write(episode, written=tf.cast(written, tf.float32)),
        "write_next": model.write_next(memory, image),
        "reconstruct": [None, model.infer_keys(memory, images)],
    }
    available = inputs | {"keys": keys, "images": images, "queries": images}
    for name, values in expected.items():
        spec = signatures(model, LENGTH)[name]
        got = offered[name](**{key: available[key] for key in spec.inputs})
        for output, value in zip(spec.outputs, values, strict=True):
            if value is not None:
                np.testing.assert_allclose(got[output], value, atol=1e-5)


def test_an_image_at_a_time_writes_the_same_memory(model, offered):
    episode = requests(model, "write", 2)["episode"]
    memory = offered["write"](episode=episode[:, :0])  # of no image
    assert not np.any(memory["memory_coverage"])
    for t in range(LENGTH):
        memory = offered["write_next"](image=episode[:, t], **memory)
    whole = offered["write"](episode=episode)
    for field, value in whole.items():
        np.testing.assert_allclose(memory[field], value, atol=1e-5)


@pytest.mark.parametrize(
    ("alone", "whole"),
    [
        ("generate_from_episode", "serving_default"),
        ("generate_from_memory", "generate"),
    ],
)
def test_seed_and_temperature_can_be_left_out(model, offered, alone, whole):
    inputs = requests(model, alone, 2)
    seed, temperature = tf.zeros([2, 2], tf.int32), tf.ones([2])
    full = offered[whole](**inputs, seed=seed, temperature=temperature)
    for name, value in offered[alone](**inputs).items():
        np.testing.assert_array_equal(value, full[name])


def _file(pixels, kind="PNG"):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_files_of_images_are_written_as_their_pixels(offered, kind):
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 2, (2, 3, 8, 8), np.uint8) * 255
    # Twice as large, in colour, and with a part beside the middle that is cut off.
    large = pixels.repeat(2, axis=2).repeat(2, axis=3)
    large = np.pad(large, [(0, 0), (0, 0), (0, 0), (8, 8)], constant_values=128)
    large = np.stack([large] * 3, axis=-1)
    encoded = [[_file(image, kind) for image in row] for row in large]
    got = offered["write_encoded"](encoded=tf.constant(encoded))
    episode = tf.constant(pixels[..., None] / np.float32(255))
    for name, value in offered["write"](episode=episode).items():
        np.testing.assert_allclose(got[name], value, atol=1e-5)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "encoded must hold PNG or JPEG"),
        (b"GIF89a" + b"\0" * 40, "encoded must hold PNG or JPEG"),
        (_file(np.zeros((1, 4097), np.uint8)), r"encoded must hold .*\[4097 1\]"),
        (_file(np.zeros((4097, 1), np.uint8), "JPEG"), r"encoded must .*\[4097 1\]"),
        (_file(np.zeros((8, 8), np.uint8))[:-20], "PNG"),
    ],
)
def test_files_that_are_no_images_are_refused(offered, content, said):
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        offered["write_encoded"](encoded=tf.constant([[content]]))


def test_an_encoder_that_sees_later_frames_offers_no_next_write():
    config = tiny_config()
    config.model.encoder.shift = "bidirectional"
    assert "write_next" not in signatures(build_model(config), LENGTH)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_has_the_same_bits_in_every_batch(model, offered, name):
    function = offered[name]
    inputs = requests(model, name, batch=5)
    whole = {key: value.numpy() for key, value in function(**inputs).items()}
    selections = [[0], [4], [1, 2], [4, 0, 2], [3, 3, 3, 3, 3, 3, 3], [4, 3, 2, 1, 0]]
    for rows in selections:
        part = function(
            **{key: tf.gather(value, rows) for key, value in inputs.items()}
        )
        for key, value in part.items():
            np.testing.assert_array_equal(value.numpy(), whole[key][rows])


def test_other_seeds_give_other_images_and_zero_temperature_the_same(model, offered):
    function = offered["generate"]
    inputs = requests(model, "generate", batch=1)
    other = {**inputs, "seed": inputs["seed"] + 1}
    assert np.any(function(**inputs)["keys"] != function(**other)["keys"])
    cold = {"temperature": tf.zeros([1])}
    first, second = function(**(inputs | cold)), function(**(other | cold))
    np.testing.assert_array_equal(first["images"], second["images"])


def test_keras_layer_calls_a_signature_by_its_inputs_names(exported, model, offered):
    layer = keras.layers.TFSMLayer(exported.path, call_endpoint="serving_default")
    inputs = requests(model, "serving_default", batch=2)
    expected = offered["serving_default"](**inputs)
    got = layer(inputs.pop("episode"), **inputs)
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value)


def test_loads_with_tensorflow_alone_and_gives_the_same_bits(
    exported, model, offered, tmp_path
):
    inputs = requests(model, "serving_default", batch=3)
    source, target = tmp_path / "inputs.npz", tmp_path / "outputs.npz"
    np.savez(source, **{name: value.numpy() for name, value in inputs.items()})
    finished = python("-I", "-c", FOREIGN_PROGRAM, exported.path, source, target)
    assert finished.returncode == 0, finished.stderr
    expected = offered["serving_default"](**inputs)
    with np.load(target) as outputs:
        assert set(outputs.files) == set(expected)
        for name, value in expected.items():
            np.testing.assert_array_equal(outputs[name], value.numpy())


def test_warm_up_records_are_requests_that_every_signature_answers(exported, offered):
    from tensorflow_serving.apis import prediction_log_pb2

    asked = []
    file = exported.path / "assets.extra" / warmup.FILE_NAME
    for record in tf.data.TFRecordDataset(str(file)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        assert request.model_spec.name == exported.path.parent.name
        name = request.model_spec.signature_name
        inputs = {key: tf.make_ndarray(v) for key, v in request.inputs.items()}
        outputs = offered[name](
            **{key: tf.constant(value) for key, value in inputs.items()}
        )
        (rows,) = {len(value) for value in [*inputs.values(), *outputs.values()]}
        asked.append((name, rows))
    assert sorted(asked) == sorted(
        (name, batch) for name in NAMES for batch in warmup.BATCH_SIZES
    )


@pytest.fixture
def quick_export(model, tmp_path, monkeypatch):
    """`export` without its costly parts; returns a function of the difference."""

    def write(endpoints, path):
        (path / "saved_model.pb").write_bytes(b"graph")

    def export(difference=0.0, name="m"):
        monkeypatch.setattr(saved_model, "write", write)
        monkeypatch.setattr(saved_model, "compare", lambda *_: {"x/y": difference})
        return saved_model.export(model, tmp_path / "m", name, warm_up=False)[0]

    return export


def test_versions_count_up_and_leave_the_others_alone(quick_export, tmp_path):
    assert quick_export() == tmp_path / "m" / "1"
    (tmp_path / "m" / "1" / "mark").touch()
    (tmp_path / "m" / "7").mkdir()
    assert quick_export() == tmp_path / "m" / "8"
    assert (tmp_path / "m" / "1" / "mark").exists()
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["1", "7", "8"]


def test_description_holds_the_model_and_versions(quick_export):
    file = quick_export() / "assets.extra" / saved_model.DESCRIPTION_FILE
    content = json.loads(file.read_text())
    assert content["config"]["memory_size"] == 2
    assert content["tensorflow"] == tf.__version__


@pytest.mark.parametrize("difference", [2e-4, float("nan")])
def test_a_wrong_export_is_refused_and_leaves_nothing(
    quick_export, tmp_path, difference
):
    with pytest.raises(ExportMismatchError, match="x/y"):
        quick_export(difference)
    assert list((tmp_path / "m").iterdir()) == []


def test_a_version_taken_in_the_meantime_is_not_overwritten(
    quick_export, tmp_path, monkeypatch
):
    mark = quick_export() / "mark"
    mark.touch()
    monkeypatch.setattr(saved_model, "versions", lambda folder: [])
    with pytest.raises(UserError, match="move it away"):
        quick_export()
    assert mark.exists()


@pytest.mark.parametrize("name", ["", "../m", "a/b", ".hidden", "a b"])
def test_names_that_are_no_folder_are_refused(quick_export, name):
    with pytest.raises(ValueError, match="Received"):
        quick_export(name=name)


def test_a_model_without_keys_is_refused():
    with pytest.raises(ValueError, match="kanerva_plus_plus.*Received: Other"):
        signatures(type("Other", (), {})(), 4)

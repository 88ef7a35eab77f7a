"""What inspection reads, against what the loaded model and its interpreter say."""

import math

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from kpp_tf import config
from kpp_tf.errors import UserError
from kpp_tf.models import build_model
from kpp_tf.serving import inspection, saved_model, tflite
from kpp_tf.serving.signatures import signatures
from kpp_tf.serving.specs import example_inputs
from tests.programs import ROOT
from tests.serving.tiny_models import tiny_model


def test_saved_model_is_described_as_it_loads(exported, offered):
    described = inspection.inspect(exported.path.parent)  # newest version
    assert described["path"] == str(exported.path)
    assert set(described["signatures"]) == set(offered)
    for name, function in offered.items():
        for field, spec in function.structured_input_signature[1].items():
            assert described["signatures"][name]["inputs"][field] == {
                "shape": spec.shape.as_list(),
                "dtype": spec.dtype.name,
            }
        for field, spec in function.structured_outputs.items():
            found = described["signatures"][name]["outputs"][field]
            assert found["shape"] == spec.shape.as_list()
    assert described["unknown_ops"] == []
    assert described["producers"]["tensorflow"] == tf.__version__


def test_weights_are_the_models(model, exported):
    described = inspection.inspect(exported.path)
    assert sorted(tuple(w["shape"]) for w in described["weights"]) == sorted(
        tuple(weight.shape) for weight in model.weights
    )
    count = sum(math.prod(weight.shape) for weight in model.weights)
    assert described["weight_count"] == count
    assert described["weight_bytes"] == 4 * count
    listed = [weight["bytes"] for weight in described["weights"]]
    assert listed == sorted(listed, reverse=True)
    assert described["memory_floats"] == model.memory_floats


@pytest.mark.parametrize("likelihood", ["bernoulli", "logistic_mixture"])
def test_no_likelihood_exports_unknown_operations(likelihood, tmp_path):
    model = tiny_model(likelihood=likelihood)
    offered = signatures(model, 4)
    endpoints = {n: (s.batched(), s.specs()) for n, s in offered.items()}
    saved_model.write(endpoints, tmp_path / "1")
    assert inspection.inspect(tmp_path / "1")["unknown_ops"] == []


CONFIGS = sorted((ROOT / "configs").glob("[!_]*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_no_config_exports_unknown_operations(path):
    """Traced, not written: saving adds the same few operations to every model."""
    model = build_model(config.of_neighbour(str(path), path.stem))
    found = set()
    for signature in signatures(model, 3).values():
        traced = tf.function(signature.batched(), signature.specs())
        graph = traced.get_concrete_function().graph.as_graph_def()
        nodes = [graph.node, *(f.node_def for f in graph.library.function)]
        found |= {node.op for part in nodes for node in part}
        found -= {function.signature.name for function in graph.library.function}
    assert "Conv2D" in found and sorted(found - inspection.KNOWN_OPS) == []


def test_foreign_operations_are_named_without_being_run(tmp_path):
    proto = saved_model_pb2.SavedModel()
    graph = proto.meta_graphs.add()
    target = tmp_path / "written"
    nodes = graph.graph_def.node
    nodes.add(name="path", op="Const")
    nodes.add(name="write", op="WriteFile", input=["path"])
    function = graph.graph_def.library.function.add()
    function.signature.name = "inner"
    function.node_def.add(name="evil", op="EagerPyFunc")
    function.node_def.add(name="call", op="inner")  # a call is no operation
    (tmp_path / "saved_model.pb").write_bytes(proto.SerializeToString())
    described = inspection.inspect(tmp_path)
    assert described["unknown_ops"] == ["EagerPyFunc", "WriteFile"]
    assert described["ops"] == {"Const": 1, "WriteFile": 1, "EagerPyFunc": 1}
    assert described["memory_floats"] is None
    assert not target.exists()


def test_tflite_is_described_as_its_interpreter_says(model, tmp_path):
    content, _ = tflite.convert(model, "float32")
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    described = inspection.inspect(path)
    lite = tflite.LiteModel(content)
    assert described["signatures"].keys() == lite.signatures.keys()
    for name, fields in lite.signatures.items():
        inputs = example_inputs(fields, 1, 1)
        outputs = lite.run(name, inputs)
        for side, arrays in (("inputs", inputs), ("outputs", outputs)):
            assert described["signatures"][name][side] == {
                field: {"shape": list(array.shape), "dtype": "float32"}
                for field, array in arrays.items()
            }
    assert described["unknown_ops"] == []
    assert "CONV_2D" in described["ops"]
    assert described["memory_floats"] == model.memory_floats
    assert described["weight_bytes"] <= len(content)
    # Every weight that the three signatures use is in the file, once.
    assert described["weight_bytes"] > 4 * 0.8 * model.count_params()


@pytest.mark.parametrize(
    "content",
    [b"", b"no model", b"\x08\0\0\0TFL3", b"\xff" * 4 + b"TFL3" + b"\xff" * 64],
)
def test_damaged_files_are_refused(tmp_path, content):
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"m\.tflite"):
        inspection.inspect(path)


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(UserError, match="Received"):
        inspection.inspect(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"\xff\xff\xff")
    with pytest.raises(UserError, match=r"saved_model\.pb"):
        inspection.inspect(tmp_path)

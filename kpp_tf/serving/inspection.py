"""What is inside a SavedModel or a .tflite file, read without executing any of it.

A SavedModel is code: loading one runs what its graph says, and a graph may read and
write files. These functions parse protocol buffers, checkpoint indices and flatbuffers,
and name every operation that this project's own exports do not use.
"""

import collections
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.lite.python import schema_py_generated as schema

from kpp_tf.errors import UserError, reason
from kpp_tf.serving import saved_model

# What the exports of this project are made of, for every likelihood and writer.
KNOWN_OPS = frozenset(
    """Abs Add AddN AddV2 All Any ArgMin Assert AssignVariableOp BatchMatMulV2 BiasAdd
    BroadcastArgs BroadcastTo Cast Ceil ClipByValue ConcatV2 Const Conv2D DecodeImage
    DecodeJpeg DecodePng DecodeRaw DepthToSpace DisableCopyOnRead EnsureShape Equal Erf
    Erfc Exp ExpandDims Expm1 ExtractJpegShape Fill Floor FloorDiv FloorMod GatherV2
    Greater GreaterEqual Identity IdentityN If IsFinite Less LessEqual Log Log1p
    LogSoftmax LogicalAnd LogicalNot LogicalOr MatMul Max Maximum Mean
    MergeV2Checkpoints Min Minimum Mul Neg NoOp NotEqual OneHot OnesLike Pack Pad PadV2
    PartitionedCall
    Placeholder PlaceholderWithDefault Pow Prod Range Rank ReadVariableOp RealDiv Relu
    Reshape RestoreV2 Round Rsqrt SaveV2 ScaleAndTranslate Select SelectV2
    Shape ShardedFilename Sigmoid Sign Size Slice Softmax Softplus Split SplitV Sqrt
    Square SquaredDifference Squeeze StatefulPartitionedCall StatelessIf
    StatelessRandomGetAlg StatelessRandomGetKeyCounter StatelessRandomNormalV2
    StatelessRandomUniformFullIntV2 StatelessRandomUniformIntV2 StatelessRandomUniformV2
    StatelessWhile StaticRegexFullMatch StopGradient StridedSlice StringJoin
    StringLength Sub Substr Sum Tanh TensorListElementShape TensorListFromTensor
    TensorListGetItem TensorListReserve TensorListSetItem TensorListStack Tile Transpose
    Unpack VarHandleOp VarIsInitializedOp While ZerosLike""".split()
)


def inspect(path: str | os.PathLike) -> dict[str, Any]:
    """Describes a SavedModel's version folder, a model's folder or a .tflite file.

    Args:
      path: `<base>/<model>/<version>`, `<base>/<model>` (its newest version) or a file.

    Returns:
      format, path, producers, signatures (input and output shapes, None for free
      sizes), ops (how often each occurs), unknown_ops, weights (largest first),
      weight_count, weight_bytes and memory_floats (an episode's memory; None if there
      is no `write`).

    Raises:
      UserError: if it is neither.
    """
    path = Path(path)
    if path.is_file() and path.name != "saved_model.pb":
        description = _tflite(path)
    else:
        description = _saved_model(path)
    written = description["signatures"].get("write", {}).get("outputs", {})
    shapes = [
        written.get(name, {}).get("shape", [None])[1:]
        for name in ("memory_cells", "memory_coverage")
    ]
    known = all(sizes and None not in sizes for sizes in shapes)
    description["memory_floats"] = sum(map(math.prod, shapes)) if known else None
    return description


def _saved_model(path):
    if path.name == "saved_model.pb":
        path = path.parent
    if not (path / "saved_model.pb").is_file() and saved_model.versions(path):
        path = path / str(saved_model.versions(path)[-1])
    file = path / "saved_model.pb"
    if not file.is_file():
        raise UserError(
            "the path must be a SavedModel's folder, a folder of its versions or a "
            f".tflite file. Received: {path}"
        )
    proto = saved_model_pb2.SavedModel()
    try:
        proto.ParseFromString(file.read_bytes())
        (graph,) = proto.meta_graphs
    except ValueError as error:
        raise UserError(f"not one graph of a SavedModel: {file}") from error
    except Exception as error:  # protobuf's DecodeError has no public base
        raise UserError(f"not a SavedModel: {file} ({error})") from error
    functions = graph.graph_def.library.function
    nodes = [
        *graph.graph_def.node,
        *(node for function in functions for node in function.node_def),
    ]
    defined = {function.signature.name for function in functions}
    ops = collections.Counter(node.op for node in nodes if node.op not in defined)
    weights = _checkpoint_weights(path / "variables" / "variables", graph)
    return {
        "format": "SavedModel",
        "path": str(path),
        "producers": {
            "tensorflow": graph.meta_info_def.tensorflow_version,
            "tensorflow_git": graph.meta_info_def.tensorflow_git_version,
            "graph_producer": graph.graph_def.versions.producer,
            "graph_min_consumer": graph.graph_def.versions.min_consumer,
            **_described(path / "assets.extra" / saved_model.DESCRIPTION_FILE),
        },
        "signatures": {
            name: {
                "inputs": {n: _tensor(i) for n, i in definition.inputs.items()},
                "outputs": {n: _tensor(i) for n, i in definition.outputs.items()},
            }
            for name, definition in sorted(graph.signature_def.items())
            if not name.startswith("__")
        },
        "ops": dict(ops.most_common()),
        "unknown_ops": sorted(set(ops) - KNOWN_OPS),
        **_totals(weights),
    }


def _described(file):
    """Versions that the export noted, if it is one of this project's."""
    try:
        content = json.loads(file.read_text())
        return {key: str(content[key]) for key in ("kpp_tf", "keras")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _tensor(info):
    shape = None
    if not info.tensor_shape.unknown_rank:
        sizes = (d.size for d in info.tensor_shape.dim)
        shape = [None if size < 0 else size for size in sizes]
    return {"shape": shape, "dtype": tf.as_dtype(info.dtype).name}


def _checkpoint_weights(prefix, graph):
    if not any(node.op == "VarHandleOp" for node in graph.graph_def.node):
        return []
    try:
        reader = tf.train.load_checkpoint(os.fspath(prefix))
    except Exception as error:  # the errors of its reader have no common type
        raise UserError(
            f"the weights of the SavedModel are missing or damaged: {reason(error)}. "
            f"Received: {prefix}.*"
        ) from error
    types = reader.get_variable_to_dtype_map()
    weights = []
    for key, shape in reader.get_variable_to_shape_map().items():
        if types[key] == tf.string:  # the object graph
            continue
        name = _variable_name(key, graph.object_graph_def.nodes)
        size = math.prod(shape) * types[key].size
        weights.append(_weight(name, shape, types[key].name, size))
    return weights


def _variable_name(key, nodes):
    """The name of the variable under a checkpoint's key; the key if it has none.

    A key is a path of attributes from the root object: `a/0/.ATTRIBUTES/...`.
    """
    node = nodes[0] if nodes else None
    for step in key.partition("/.ATTRIBUTES")[0].split("/"):
        children = {c.local_name: c.node_id for c in node.children} if node else {}
        known = children.get(step, len(nodes)) < len(nodes)
        node = nodes[children[step]] if known else None
    return (node.variable.name if node else "") or key


def _weight(name, shape, dtype, size):
    return {"name": name, "shape": list(shape), "dtype": dtype, "bytes": size}


def _totals(weights):
    weights = sorted(weights, key=lambda w: (-w["bytes"], w["name"]))
    return {
        "weights": weights,
        "weight_count": sum(math.prod(w["shape"]) for w in weights),
        "weight_bytes": sum(w["bytes"] for w in weights),
    }


def _tflite(path):
    content = path.read_bytes()
    if content[4:8] != b"TFL3":
        raise UserError(f"not a .tflite file (no TFL3 identifier). Received: {path}")
    try:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
        return _tflite_description(path, model)
    except (IndexError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise UserError(f"a damaged .tflite file: {path} ({error})") from error
    except Exception as error:  # struct.error and flatbuffers' own
        raise UserError(f"a damaged .tflite file: {path} ({error!r})") from error


def _tflite_description(path, model):
    builtin = {
        value: name
        for name, value in vars(schema.BuiltinOperator).items()
        if not name.startswith("_")
    }
    types = {
        value: name.lower()
        for name, value in vars(schema.TensorType).items()
        if not name.startswith("_")
    }
    codes = [
        f"CUSTOM:{_text(code.customCode)}"
        if code.customCode
        else builtin[max(code.builtinCode, code.deprecatedBuiltinCode)]
        for code in model.operatorCodes
    ]
    graphs = model.subgraphs
    ops = collections.Counter(
        codes[op.opcodeIndex] for graph in graphs for op in graph.operators or []
    )
    weights, seen = [], set()
    for graph in graphs:
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data
            if data is None or tensor.buffer in seen or not len(data):
                continue
            seen.add(tensor.buffer)  # signatures share their weights
            shape = [] if tensor.shape is None else np.asarray(tensor.shape).tolist()
            weights.append(
                _weight(_text(tensor.name), shape, types[tensor.type], len(data))
            )

    def fields(maps, graph):
        tensors = {_text(m.name): graph.tensors[m.tensorIndex] for m in maps or []}
        return {
            name: {
                "shape": np.asarray(tensor.shape).tolist(),
                "dtype": types[tensor.type],
            }
            for name, tensor in tensors.items()
        }

    return {
        "format": "TFLite",
        "path": str(path),
        "producers": {
            "description": _text(model.description),
            "schema": model.version,
            **_runtime(model),
        },
        "signatures": {
            _text(signature.signatureKey): {
                "inputs": fields(signature.inputs, graphs[signature.subgraphIndex]),
                "outputs": fields(signature.outputs, graphs[signature.subgraphIndex]),
            }
            for signature in model.signatureDefs or []
        },
        "ops": dict(ops.most_common()),
        "unknown_ops": sorted(op for op in ops if op.startswith("CUSTOM")),
        **_totals(weights),
    }


def _runtime(model):
    """The least TFLite version that runs the file, if the converter noted it."""
    for entry in model.metadata or []:
        if _text(entry.name) == "min_runtime_version":
            data = bytes(bytearray(model.buffers[entry.buffer].data))
            return {"min_runtime": data.rstrip(b"\0").decode(errors="replace")}
    return {}


def _text(value):
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""

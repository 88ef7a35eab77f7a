"""What is inside a SavedModel or a .tflite file, read without executing any of it.

A SavedModel is code: loading one runs what its graph says, and a graph may read and
write files. These functions parse protocol buffers and flatbuffers, and name every
operation that this project's own exports do not use.
"""

import collections
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.lite.tools import flatbuffer_utils

from kpp_tf.errors import UserError
from kpp_tf.files import read_json
from kpp_tf.serving import saved_model

# The operations of this project's exports, for every preset, likelihood and decoder.
KNOWN_OPS = frozenset(
    """Abs Add AddN AddV2 All Any ArgMin Assert AssignVariableOp BatchMatMulV2 BiasAdd
    BroadcastArgs BroadcastTo Cast Ceil ClipByValue ConcatV2 Const Conv2D DecodeImage
    DecodeJpeg DecodePng DecodeRaw DepthToSpace DisableCopyOnRead EnsureShape Equal Erf
    Erfc Exp ExpandDims Expm1 ExtractJpegShape Fill Floor FloorDiv FloorMod GatherV2
    Greater GreaterEqual Identity IdentityN If IsFinite Less LessEqual Log Log1p
    LogSoftmax LogicalAnd LogicalNot LogicalOr MatMul Max Maximum Mean
    MergeV2Checkpoints Min Minimum Mul Ndtri Neg NoOp NotEqual OneHot OnesLike Pack Pad
    PadV2 PartitionedCall Placeholder PlaceholderWithDefault Pow Prod Range Rank
    ReadVariableOp RealDiv Relu Reshape RestoreV2 Round Rsqrt SaveV2 ScaleAndTranslate
    Select SelectV2 Shape ShardedFilename Sigmoid Sign Size Slice Softmax Softplus
    SpaceToDepth Split SplitV Sqrt Square SquaredDifference Squeeze
    StatefulPartitionedCall StatelessIf StatelessRandomGetAlg
    StatelessRandomGetKeyCounter StatelessRandomNormalV2 StatelessRandomUniformFullIntV2
    StatelessRandomUniformIntV2 StatelessRandomUniformV2 StatelessWhile
    StaticRegexFullMatch StopGradient StridedSlice StringJoin StringLength Sub Substr
    Sum Tanh TensorListElementShape TensorListFromTensor TensorListGetItem
    TensorListReserve TensorListSetItem TensorListStack Tile Transpose Unpack
    VarHandleOp VarIsInitializedOp While ZerosLike""".split()
)


def inspect(path: str | os.PathLike) -> dict[str, Any]:
    """Describes a SavedModel's version folder, a model's folder or a .tflite file.

    Args:
      path: `<base>/<model>/<version>`, `<base>/<model>` (its newest version) or a file.

    Returns:
      format, path, producers, signatures (input and output shapes, None for free
      sizes), ops (how often each occurs), unknown_ops, weights (largest first),
      weight_count, weight_bytes and memory_floats (an episode's memory; None without a
      `write` of known sizes).

    Raises:
      UserError: if it is neither, or damaged.
    """
    path = Path(path)
    is_file = path.is_file() and path.name != "saved_model.pb"
    found = _tflite(path) if is_file else _saved_model(path)
    weights = sorted(found["weights"], key=lambda w: (-w["bytes"], w["name"]))
    outputs = found["signatures"].get("write", {}).get("outputs", {})
    fields = [outputs.get(f"memory_{name}", {}) for name in ("cells", "coverage")]
    sizes = [(field.get("shape") or [None, None])[1:] for field in fields]
    known = all(None not in shape for shape in sizes)
    return {
        **found,
        "ops": dict(collections.Counter(found["ops"]).most_common()),
        "weights": weights,
        "weight_count": sum(math.prod(weight["shape"]) for weight in weights),
        "weight_bytes": sum(weight["bytes"] for weight in weights),
        "memory_floats": sum(map(math.prod, sizes)) if known else None,
    }


def _saved_model(path: Path) -> dict[str, Any]:
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
    except Exception as error:  # protobuf's DecodeError has no public base
        raise UserError(f"the file must be a SavedModel. Received: {file}") from error
    functions = graph.graph_def.library.function
    nodes = [*graph.graph_def.node, *(n for f in functions for n in f.node_def)]
    defined = {function.signature.name for function in functions}
    ops = [node.op for node in nodes if node.op not in defined]
    about = path / "assets.extra" / saved_model.DESCRIPTION_FILE
    noted = read_json(about) if about.exists() else {}
    return {
        "format": "SavedModel",
        "path": str(path),
        "producers": {
            "tensorflow": graph.meta_info_def.tensorflow_version,
            "tensorflow_git": graph.meta_info_def.tensorflow_git_version,
            "graph_producer": graph.graph_def.versions.producer,
            "graph_min_consumer": graph.graph_def.versions.min_consumer,
            **{key: str(noted[key]) for key in ("kpp_tf", "keras") if key in noted},
        },
        "signatures": {
            name: {
                "inputs": {n: _field(info) for n, info in definition.inputs.items()},
                "outputs": {n: _field(info) for n, info in definition.outputs.items()},
            }
            for name, definition in sorted(graph.signature_def.items())
            if not name.startswith("__")
        },
        "ops": ops,
        "unknown_ops": sorted(set(ops) - KNOWN_OPS),
        "weights": [_variable(node) for node in nodes if node.op == "VarHandleOp"],
    }


def _field(info: Any) -> dict[str, Any]:
    """Shape and dtype of a `TensorInfo`."""
    shape = tf.TensorShape(info.tensor_shape)
    sizes = None if shape.rank is None else shape.as_list()
    return {"shape": sizes, "dtype": tf.as_dtype(info.dtype).name}


def _variable(node: Any) -> dict[str, Any]:
    shape = tf.TensorShape(node.attr["shape"].shape).as_list()
    dtype = tf.as_dtype(node.attr["dtype"].type)
    name = node.attr["shared_name"].s.decode(errors="replace") or node.name
    size = math.prod(shape) * dtype.size
    return {"name": name, "shape": shape, "dtype": dtype.name, "bytes": size}


def _tflite(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    if content[4:8] != b"TFL3":
        raise UserError(f"not a .tflite file (no TFL3 identifier). Received: {path}")
    try:
        model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
        return {"format": "TFLite", "path": str(path), **_flatbuffer(model)}
    except Exception as error:  # flatbuffers' errors have no common base
        raise UserError(
            f"the .tflite file is damaged: {error!r}. Received: {path}"
        ) from error


def _flatbuffer(model: Any) -> dict[str, Any]:
    codes = [
        f"CUSTOM:{_text(code.customCode)}"
        if code.customCode
        else flatbuffer_utils.opcode_to_name(model, number)
        for number, code in enumerate(model.operatorCodes)
    ]
    graphs = model.subgraphs
    ops = [codes[op.opcodeIndex] for graph in graphs for op in graph.operators or []]
    weights: dict[int, dict[str, Any]] = {}  # by buffer: signatures share weights
    for tensor in (tensor for graph in graphs for tensor in graph.tensors):
        data = model.buffers[tensor.buffer].data
        if data is not None and len(data):
            described = {**_tensor(tensor), "name": _text(tensor.name)}
            weights.setdefault(tensor.buffer, {**described, "bytes": len(data)})
    producers = {"description": _text(model.description), "schema": model.version}
    for entry in model.metadata or []:
        if _text(entry.name) == "min_runtime_version":
            data = bytes(bytearray(model.buffers[entry.buffer].data))
            producers["min_runtime"] = _text(data.rstrip(b"\0"))

    def fields(maps: Iterable[Any] | None, number: int) -> dict[str, Any]:
        tensors = graphs[number].tensors
        return {_text(m.name): _tensor(tensors[m.tensorIndex]) for m in maps or []}

    return {
        "producers": producers,
        "signatures": {
            _text(signature.signatureKey): {
                "inputs": fields(signature.inputs, signature.subgraphIndex),
                "outputs": fields(signature.outputs, signature.subgraphIndex),
            }
            for signature in model.signatureDefs or []
        },
        "ops": ops,
        "unknown_ops": sorted({op for op in ops if op.startswith("CUSTOM")}),
        "weights": list(weights.values()),
    }


def _tensor(tensor: Any) -> dict[str, Any]:
    """Shape and dtype of a flatbuffer's tensor."""
    shape = [] if tensor.shape is None else np.asarray(tensor.shape).tolist()
    return {"shape": shape, "dtype": flatbuffer_utils.type_to_name(tensor.type).lower()}


def _text(value: bytes | str | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""

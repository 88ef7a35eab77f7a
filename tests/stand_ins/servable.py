"""One version of a SavedModel, run in a C++ session as TF Serving runs it.

Such a session checks no shape that is fed: what refuses a malformed request is the
graph itself, and every refusal names the input.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2

from kpp_tf.serving import saved_model

# Of one request's body or message, and of the tensor that it may unfold into.
MAX_BYTES = 256 << 20


class RequestError(Exception):
    """A request that cannot be answered.

    Args:
      text: what is wrong, naming the field.
      not_found: whether a model or version is unknown, rather than an input wrong.
    """

    def __init__(self, text: str, not_found: bool = False):
        super().__init__(text)
        self.not_found = not_found


class Servable:
    """The newest version of a model, loaded.

    Args:
      folder: `<base>/<model>`, which holds the versions.

    Raises:
      ValueError: if it holds none.
    """

    def __init__(self, folder: str | os.PathLike):
        folder = Path(folder)
        found = saved_model.versions(folder)
        if not found:
            raise ValueError(
                "a model's folder must hold a version (a folder whose name is a "
                f"number). Received: {folder}"
            )
        self.name = folder.resolve().name
        self.version = found[-1]
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        with self._session.graph.as_default():
            meta = tf.compat.v1.saved_model.load(
                self._session, [tf.saved_model.SERVING], str(folder / str(found[-1]))
            )
        self.signatures: dict[str, meta_graph_pb2.SignatureDef] = {
            name: definition
            for name, definition in meta.signature_def.items()
            if not name.startswith("__")
        }
        self._callables = {
            name: self._callable(definition)
            for name, definition in self.signatures.items()
        }

    def check_model(self, name: str, version: int | None) -> None:
        """Refuses what is not served; None stands for the newest version."""
        if name != self.name:
            raise RequestError(
                f"model {name!r} is not served; {self.name!r} is", not_found=True
            )
        if version is not None and version != self.version:
            raise RequestError(
                f"version {version} is not served; {self.version} is", not_found=True
            )

    def signature(self, name: str) -> meta_graph_pb2.SignatureDef:
        """The signature of that name; the default one for an empty name."""
        name = name or "serving_default"
        if name not in self.signatures:
            raise RequestError(
                f"signature_name {name!r} is not in the model's signatures "
                f"{sorted(self.signatures)}"
            )
        return self.signatures[name]

    def predict(
        self, name: str, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Runs a signature.

        Args:
          name: of the signature.
          inputs: arrays by input name.

        Returns:
          Arrays by output name.

        Raises:
          RequestError: for anything wrong with the inputs, naming the input.
        """
        definition = self.signature(name)
        check_names(definition, inputs)
        for field, info in definition.inputs.items():
            wanted = tf.as_dtype(info.dtype)
            received = inputs[field].dtype
            if received != wanted.as_numpy_dtype:
                raise RequestError(
                    f"{field} must have dtype {wanted.name}. Received: {received}"
                )
        try:
            values = self._callables[name or "serving_default"](
                *(inputs[field] for field in sorted(definition.inputs))
            )
        except tf.errors.InvalidArgumentError as error:
            raise RequestError(error.message) from error
        return dict(zip(sorted(definition.outputs), values, strict=True))

    def close(self) -> None:
        """Frees the model."""
        self._session.close()

    def _callable(self, definition):
        options = config_pb2.CallableOptions()
        options.feed.extend(
            definition.inputs[field].name for field in sorted(definition.inputs)
        )
        options.fetch.extend(
            definition.outputs[field].name for field in sorted(definition.outputs)
        )
        # Session.run would check shapes in Python, which TF Serving does not.
        return self._session._make_callable_from_options(options)


def check_names(definition: meta_graph_pb2.SignatureDef, names: Iterable[str]) -> None:
    """Refuses inputs that a signature does not have, and missing ones."""
    names, wanted = set(names), set(definition.inputs)
    for name in sorted(names - wanted):
        raise RequestError(
            f"input {name!r} is not in the signature's inputs {sorted(wanted)}"
        )
    for name in sorted(wanted - names):
        raise RequestError(f"input {name!r} is missing. Received: {sorted(names)}")


def array(field: str, proto: tensor_pb2.TensorProto) -> np.ndarray:
    """The array in a TensorProto, refused before it unfolds beyond `MAX_BYTES`."""
    try:
        dtype = tf.as_dtype(proto.dtype)
        # One value may stand for a tensor of any size.
        size = int(np.prod([float(d.size) for d in proto.tensor_shape.dim]))
        if size * max(dtype.size, 1) > MAX_BYTES:
            raise RequestError(
                f"{field} must take at most {MAX_BYTES} bytes. Received: {size} "
                f"elements of {dtype.name}"
            )
        return tf.make_ndarray(proto)
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise RequestError(f"{field} is no tensor: {error}") from error

"""One version of a SavedModel, run in a C++ session as TF Serving runs it.

Such a session checks no shape that is fed: what refuses a malformed request is the
graph itself, and every refusal names the input.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2

from kpp_tf.serving import saved_model


class RequestError(Exception):
    """A request that cannot be answered; says why."""


class NotServedError(RequestError):
    """A request to another model or version."""


class NotReadyError(RequestError):
    """A request before the model is loaded."""


class Servable:
    """The newest version of a model, loaded.

    Args:
      folder: `<base>/<model>`, which holds the versions.
    """

    def __init__(self, folder: str | os.PathLike):
        folder = Path(folder)
        self.name = folder.resolve().name
        self.version = saved_model.versions(folder)[-1]
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        with self._session.graph.as_default():
            meta = tf.compat.v1.saved_model.load(
                self._session,
                [tf.saved_model.SERVING],
                str(folder / str(self.version)),
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
        if name != self.name or version not in (None, self.version):
            raise NotServedError(
                f"model {name!r} version {version} is not served; {self.name!r} "
                f"version {self.version} is"
            )

    def signature(self, name: str) -> meta_graph_pb2.SignatureDef:
        """The signature of that name."""
        if name not in self.signatures:
            raise RequestError(
                f"signature_name {name!r} is none of {sorted(self.signatures)}"
            )
        return self.signatures[name]

    def predict(
        self, name: str, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Runs a signature: arrays by output name, of arrays by input name."""
        definition = self.signature(name)
        if inputs.keys() != definition.inputs.keys():
            raise RequestError(
                f"{name} takes the inputs {sorted(definition.inputs)}. Received: "
                f"{sorted(inputs)}"
            )
        for field, info in definition.inputs.items():
            wanted = tf.as_dtype(info.dtype)
            if inputs[field].dtype != wanted.as_numpy_dtype:
                raise RequestError(
                    f"{field} must have dtype {wanted.name}. Received: "
                    f"{inputs[field].dtype}"
                )
        try:
            values = self._callables[name](
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

"""A client of TF Serving's gRPC API; needs the `serving` extra."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from kpp_tf.serving.client_base import Client, ServingError, UnavailableError
from kpp_tf.serving.specs import Field, SignatureSpec

# Bytes of one message; gRPC's default of 4 MiB is 40 episodes of 32 images.
MAX_BYTES = 256 << 20


class GrpcClient(Client):
    """Speaks gRPC, usually on port 8500; see `Client`."""

    def __init__(self, address: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(address, *args, **kwargs)
        options: list[tuple[str, Any]] = [
            ("grpc.max_receive_message_length", MAX_BYTES),
            ("grpc.max_send_message_length", MAX_BYTES),
        ]
        if self._attempts > 1:
            policy = {
                "maxAttempts": self._attempts,
                "initialBackoff": f"{self._pause:g}s",
                "maxBackoff": f"{8 * self._pause:g}s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            }
            methods = {"methodConfig": [{"name": [{}], "retryPolicy": policy}]}
            options.append(("grpc.service_config", json.dumps(methods)))
        self._channel = grpc.insecure_channel(address, options=options)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def send(
        self, signature: str, arrays: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        request = predict_pb2.PredictRequest()
        self._fill(request.model_spec)
        request.model_spec.signature_name = signature
        for name, array in arrays.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
        answer = self._call(self._stub.Predict, request)
        return {name: tf.make_ndarray(v) for name, v in answer.outputs.items()}

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()

    def _ask_signatures(self) -> dict[str, SignatureSpec]:
        request = get_model_metadata_pb2.GetModelMetadataRequest()
        self._fill(request.model_spec)
        request.metadata_field.append("signature_def")
        answer = self._call(self._stub.GetModelMetadata, request)
        definitions = get_model_metadata_pb2.SignatureDefMap()
        answer.metadata["signature_def"].Unpack(definitions)
        return {
            name: SignatureSpec(
                {key: _field(info) for key, info in definition.inputs.items()},
                tuple(sorted(definition.outputs)),
            )
            for name, definition in definitions.signature_def.items()
            if not name.startswith("__")
        }

    def _fill(self, spec: Any) -> None:
        spec.name = self._model
        if self._version is not None:
            spec.version.value = self._version

    def _call(self, method: Callable[..., Any], request: Any) -> Any:
        try:
            return method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNAVAILABLE:
                raise UnavailableError(
                    f"{self._address} is not there: {error.details()}"
                ) from error
            if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
                raise self._too_late() from error
            raise ServingError(
                f"{self._address} answered {error.code().name}: {error.details()}"
            ) from error


def _field(info: Any) -> Field:
    sizes = [d.size for d in info.tensor_shape.dim]
    shape = tuple(None if size < 0 else size for size in sizes)
    dtype = tf.as_dtype(info.dtype)
    return Field(shape, np.bytes_ if dtype == tf.string else dtype.as_numpy_dtype)

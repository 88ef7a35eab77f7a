"""PredictionService of TF Serving, for `server`."""

from collections.abc import Callable
from concurrent.futures import Executor

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tests.stand_ins.servable import MAX_BYTES, RequestError, Servable, array


def start(servable: Servable, pool: Executor, address: str) -> tuple[grpc.Server, int]:
    """Starts a gRPC server.

    Args:
      servable: the model.
      pool: threads that answer.
      address: host:port; port 0 takes a free one.

    Returns:
      (the server, its port).
    """
    options = [
        ("grpc.max_receive_message_length", MAX_BYTES),
        ("grpc.max_send_message_length", MAX_BYTES),
        ("grpc.so_reuseport", 0),
    ]
    server = grpc.server(pool, options=options)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        _Prediction(servable), server
    )
    port = server.add_insecure_port(address)
    server.start()
    return server, port


def _answered(function: Callable) -> Callable:
    """Turns a RequestError into the call's status."""

    def answer(self, request, context):
        try:
            return function(self, request)
        except RequestError as error:
            code = grpc.StatusCode.INVALID_ARGUMENT
            if error.not_found:
                code = grpc.StatusCode.NOT_FOUND
            context.abort(code, str(error))

    return answer


def _check_model(servable, spec):
    version = spec.version.value if spec.HasField("version") else None
    servable.check_model(spec.name, version)


class _Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, servable):
        self._servable = servable

    @_answered
    def Predict(self, request):
        _check_model(self._servable, request.model_spec)
        inputs = {name: array(name, proto) for name, proto in request.inputs.items()}
        name = request.model_spec.signature_name
        outputs = self._servable.predict(name, inputs)
        response = predict_pb2.PredictResponse()
        response.model_spec.name = self._servable.name
        response.model_spec.version.value = self._servable.version
        response.model_spec.signature_name = name or "serving_default"
        for output in request.output_filter or outputs:
            if output not in outputs:
                raise RequestError(f"output_filter {output!r} is not an output")
            response.outputs[output].CopyFrom(tf.make_tensor_proto(outputs[output]))
        return response

    @_answered
    def GetModelMetadata(self, request):
        _check_model(self._servable, request.model_spec)
        if list(request.metadata_field) != ["signature_def"]:
            raise RequestError(
                "metadata_field must be signature_def. Received: "
                f"{list(request.metadata_field)}"
            )
        definitions = get_model_metadata_pb2.SignatureDefMap()
        for name, definition in self._servable.signatures.items():
            definitions.signature_def[name].CopyFrom(definition)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = self._servable.name
        response.model_spec.version.value = self._servable.version
        response.metadata["signature_def"].Pack(definitions)
        return response

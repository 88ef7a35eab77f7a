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

from tests.stand_ins.servable import (
    NotReadyError,
    NotServedError,
    RequestError,
    Servable,
)


def start(servable: Servable, pool: Executor, host: str) -> tuple[grpc.Server, int]:
    """Starts a server that answers in the pool's threads; returns it and its port."""
    options = [
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 0),
    ]
    server = grpc.server(pool, options=options)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        _Prediction(servable), server
    )
    port = server.add_insecure_port(f"{host}:0")
    server.start()
    return server, port


def _answered(function: Callable) -> Callable:
    """Checks the model that is asked for, and turns a RequestError into a status."""

    def answer(self, request, context):
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else None
        try:
            self.servable.check_model(spec.name, version)
            return function(self, request)
        except NotServedError as error:
            context.abort(grpc.StatusCode.NOT_FOUND, str(error))
        except NotReadyError as error:
            context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        except RequestError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

    return answer


class _Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, servable):
        self.servable = servable

    @_answered
    def Predict(self, request):
        inputs = {
            name: tf.make_ndarray(proto) for name, proto in request.inputs.items()
        }
        name = request.model_spec.signature_name or "serving_default"
        outputs = self.servable.predict(name, inputs)
        response = predict_pb2.PredictResponse()
        self._fill(response.model_spec)
        response.model_spec.signature_name = name
        for output, value in outputs.items():
            response.outputs[output].CopyFrom(tf.make_tensor_proto(value))
        return response

    @_answered
    def GetModelMetadata(self, request):
        definitions = get_model_metadata_pb2.SignatureDefMap()
        for name, definition in self.servable.signatures.items():
            definitions.signature_def[name].CopyFrom(definition)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        self._fill(response.model_spec)
        response.metadata["signature_def"].Pack(definitions)
        return response

    def _fill(self, spec):
        spec.name = self.servable.name
        spec.version.value = self.servable.version

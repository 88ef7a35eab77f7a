"""The REST API of TF Serving, for `server`: predict and metadata."""

import base64
import http.server
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import meta_graph_pb2

from tests.stand_ins.servable import (
    NotReadyError,
    NotServedError,
    RequestError,
    Servable,
)

_PATH = re.compile(
    r"/v1/models/(?P<model>[^/:]+)(/versions/(?P<version>\d+))?(:predict|/metadata)"
)


def server(servable: Servable, host: str) -> http.server.ThreadingHTTPServer:
    """An HTTP server on a free port, not yet serving."""

    class Handler(_Handler):
        model = servable

    return _Server((host, 0), Handler)


def _inputs(
    definition: meta_graph_pb2.SignatureDef, body: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Arrays by input name, of the row or the columnar format.

    The body has `instances` (a list of rows, which are mappings by input name) or
    `inputs` (one value for each input name, or the bare value of the only input).
    """
    if "instances" in body:
        rows = body["instances"]
        columns = {name: [row[name] for row in rows] for name in rows[0]}
    else:
        columns = body["inputs"]
        if not isinstance(columns, dict):
            (name,) = definition.inputs
            columns = {name: columns}
    return {
        name: _array(name, value, definition.inputs[name].dtype)
        if name in definition.inputs
        else value
        for name, value in columns.items()
    }


def _array(name, value, dtype):
    dtype = tf.as_dtype(dtype)
    try:
        if dtype == tf.string:
            return np.array(_bytes(value), object)
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise RequestError(f"{name} is no {dtype.name} array: {error}") from error
    # JSON knows numbers alone, and an empty list says nothing of its type.
    if not array.size or array.dtype.kind in ("iu" if dtype.is_integer else "iuf"):
        with np.errstate(over="ignore"):  # becomes infinite, which the graph refuses
            return array.astype(dtype.as_numpy_dtype)
    return array


def _bytes(value):
    if isinstance(value, list):
        return [_bytes(part) for part in value]
    return base64.b64decode(value["b64"])


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class _Handler(http.server.BaseHTTPRequestHandler):
    model: Servable
    protocol_version = "HTTP/1.1"
    # Headers and body are two writes; without this the second waits for an answer.
    disable_nagle_algorithm = True

    def do_GET(self):
        self._answer(None)

    def do_POST(self):
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, body):
        try:
            self._check_path()
            code, answer = (
                200,
                self._metadata() if body is None else self._predict(body),
            )
        except RequestError as error:
            codes = {NotServedError: 404, NotReadyError: 503}
            code = codes.get(type(error), 400)
            answer = {"error": str(error)}
        data = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _check_path(self):
        match = _PATH.fullmatch(self.path)
        if match is None:
            raise NotServedError(f"no such path: {self.path}")
        version = match["version"] and int(match["version"])
        self.model.check_model(match["model"], version)

    def _metadata(self):
        definitions = {
            name: json_format.MessageToDict(
                definition, preserving_proto_field_name=True
            )
            for name, definition in self.model.signatures.items()
        }
        return {"metadata": {"signature_def": {"signature_def": definitions}}}

    def _predict(self, body):
        name = body.get("signature_name", "serving_default")
        outputs = self.model.predict(name, _inputs(self.model.signature(name), body))
        columns = {key: value.tolist() for key, value in outputs.items()}
        if len(columns) == 1:  # one output gets no name
            (columns,) = columns.values()
        if "inputs" in body:
            return {"outputs": columns}
        if isinstance(columns, dict):
            rows = zip(*columns.values(), strict=True)
            columns = [dict(zip(outputs, row, strict=True)) for row in rows]
        return {"predictions": columns}

    def log_message(self, *unused):
        """Logs nothing a request: a load test sends hundreds of thousands."""

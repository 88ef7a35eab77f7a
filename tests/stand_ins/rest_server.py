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
    MAX_BYTES,
    RequestError,
    Servable,
    check_names,
)

_PATH = re.compile(
    r"/v1/models/(?P<model>[^/:]+)(/versions/(?P<version>\d+))?"
    r"(?P<verb>:predict|/metadata)?"
)


def server(
    servable: Servable, address: tuple[str, int]
) -> http.server.ThreadingHTTPServer:
    """An HTTP server on that address, not yet serving."""

    class Handler(_Handler):
        model = servable

    return _Server(address, Handler)


def parse_inputs(
    definition: meta_graph_pb2.SignatureDef, body: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Arrays of a predict request, from its row or its columnar format.

    Args:
      definition: the signature.
      body: the request's JSON, with `instances` (a list of rows: mappings by input
        name, or bare values where there is one input) or `inputs` (one value for each
        input name, or the bare value).

    Returns:
      Arrays by input name, of the signature's dtypes.

    Raises:
      RequestError: naming what is wrong.
    """
    if ("instances" in body) == ("inputs" in body):
        raise RequestError(
            "the body must hold either 'instances' or 'inputs'. Received: "
            f"{sorted(body)[:8]}"
        )
    names = list(definition.inputs)
    if "inputs" in body:
        columns = body["inputs"]
        if len(names) == 1 and not isinstance(columns, dict):
            columns = {names[0]: columns}
        if not isinstance(columns, dict):
            raise RequestError(f"'inputs' must be an object with {sorted(names)}")
    else:
        columns = _columns(body["instances"], names)
    check_names(definition, columns)
    return {
        name: _array(name, columns[name], tf.as_dtype(definition.inputs[name].dtype))
        for name in names
    }


def _columns(rows, names):
    if not isinstance(rows, list) or not rows:
        raise RequestError("'instances' must be a list with at least one row")
    if len(names) == 1 and not any(isinstance(row, dict) for row in rows):
        return {names[0]: rows}
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise RequestError(f"'instances' row {number} must be an object")
        if row.keys() != rows[0].keys():
            raise RequestError(
                f"'instances' row {number} must have the inputs of row 0, "
                f"{sorted(rows[0])}. Received: {sorted(row)}"
            )
    return {name: [row[name] for row in rows] for name in rows[0]}


def _array(name, value, dtype):
    if dtype == tf.string:
        return _bytes(name, value)
    kinds = "iu" if dtype.is_integer else "iuf"
    try:
        array = np.asarray(value)
    except ValueError:
        raise RequestError(f"{name} must not be ragged") from None
    # An empty list says nothing of its type.
    if array.size and array.dtype.kind not in kinds:
        raise RequestError(
            f"{name} must have dtype {dtype.name}. Received: {array.dtype}"
        )
    if array.size and dtype.is_integer:
        if array.min() < dtype.min or array.max() > dtype.max:
            raise RequestError(f"{name} must hold numbers that fit {dtype.name}")
    with np.errstate(over="ignore"):  # becomes infinite, which the graph refuses
        return array.astype(dtype.as_numpy_dtype)


def _bytes(name, value):
    """Strings: {"b64": ...} stands for bytes, other strings for themselves."""

    def read(part):
        if isinstance(part, list):
            return [read(each) for each in part]
        if isinstance(part, str):
            return part.encode()
        try:
            return base64.b64decode(part["b64"], validate=True)
        except (TypeError, KeyError, ValueError):
            raise RequestError(f"{name} must have dtype string") from None

    read_part = read(value)
    try:
        # As NumPy finds the shape of numbers: bytes of its own kind end at a zero.
        shape = np.shape(_lengths(read_part))
    except ValueError:
        raise RequestError(f"{name} must not be ragged") from None
    array = np.empty(shape, object)
    for place in np.ndindex(*shape):
        each = read_part
        for index in place:
            each = each[index]
        array[place] = each
    return array


def _lengths(value):
    return list(map(_lengths, value)) if isinstance(value, list) else len(value)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class _Handler(http.server.BaseHTTPRequestHandler):
    model: Servable
    protocol_version = "HTTP/1.1"
    # Headers and body are two writes; without this the second waits for an answer.
    disable_nagle_algorithm = True

    def do_GET(self):
        self._answer(self._get)

    def do_POST(self):
        self._answer(self._post)

    def _answer(self, function):
        try:
            code, answer = 200, function(self._match())
        except RequestError as error:
            code, answer = (404 if error.not_found else 400), {"error": str(error)}
        except Exception as error:
            code, answer = 500, {"error": f"{type(error).__name__}: {error}"}
        data = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _match(self):
        match = _PATH.fullmatch(self.path)
        try:
            if match is None:
                raise RequestError(f"no such path: {self.path}", not_found=True)
            version = match["version"] and int(match["version"])
            self.model.check_model(match["model"], version)
        except RequestError:
            self.close_connection = True  # an unread body may follow
            raise
        return match

    def _get(self, match):
        if match["verb"] != "/metadata":
            raise RequestError("GET takes a path that ends in /metadata")
        definitions = {
            name: json_format.MessageToDict(
                definition, preserving_proto_field_name=True
            )
            for name, definition in self.model.signatures.items()
        }
        return {
            "model_spec": {
                "name": self.model.name,
                "signature_name": "",
                "version": str(self.model.version),
            },
            "metadata": {"signature_def": {"signature_def": definitions}},
        }

    def _post(self, match):
        body = self._body()
        if match["verb"] != ":predict":
            raise RequestError("POST takes a path that ends in :predict")
        name = body.get("signature_name", "serving_default")
        if not isinstance(name, str):
            raise RequestError(f"signature_name must be a string. Received: {name!r}")
        inputs = parse_inputs(self.model.signature(name), body)
        outputs = self.model.predict(name, inputs)
        if "inputs" in body:
            columns = {key: value.tolist() for key, value in outputs.items()}
            single = len(columns) == 1
            return {"outputs": next(iter(columns.values())) if single else columns}
        if len(outputs) == 1:
            return {"predictions": next(iter(outputs.values())).tolist()}
        rows = zip(*(value.tolist() for value in outputs.values()), strict=True)
        return {"predictions": [dict(zip(outputs, row, strict=True)) for row in rows]}

    def _body(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BYTES:
            self.close_connection = True
            raise RequestError(
                f"Content-Length must be a number of at most {MAX_BYTES} bytes. "
                f"Received: {length!r}"
            )
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise RequestError(f"the body is not JSON: {error}") from error
        if not isinstance(body, dict):
            raise RequestError("the body must be a JSON object")
        return body

    def log_message(self, *unused):
        """Logs nothing a request: a load test sends hundreds of thousands."""

"""A client of TF Serving's REST API, in its row and its columnar format."""

import base64
import http.client
import json
import urllib.parse
from collections.abc import Mapping
from typing import Any

import numpy as np

from kpp_tf.serving.client_base import Client, ServingError, UnavailableError
from kpp_tf.serving.specs import Field, SignatureSpec

_DTYPES: dict[str, type[np.generic]] = {
    "DT_FLOAT": np.float32,
    "DT_INT32": np.int32,
    "DT_STRING": np.bytes_,
}
# What gRPC reads as UNAVAILABLE where a proxy answers it in HTTP
# (grpc/grpc, doc/http-grpc-status-mapping.md).
_UNAVAILABLE = (429, 502, 503, 504)


class RestClient(Client):
    """Speaks HTTP and JSON, on port 8501 by TF Serving's custom; see `Client`.

    Args:
      address: host:port.
      model: the model's name.
      columnar: whether to send `inputs` (one array each) or `instances` (rows).
    """

    def __init__(
        self, address: str, model: str, *args, columnar: bool = True, **kwargs
    ):
        super().__init__(address, model, *args, **kwargs)
        self._path = f"/v1/models/{urllib.parse.quote(model, safe='')}"
        if self._version is not None:
            self._path += f"/versions/{self._version}"
        self.columnar = columnar

    def send(
        self, signature: str, arrays: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        values = {name: as_json(np.asarray(array)) for name, array in arrays.items()}
        body: dict[str, Any] = {"signature_name": signature}
        if self.columnar:
            body["inputs"] = values
        else:
            rows = zip(*values.values(), strict=True)
            body["instances"] = [dict(zip(values, row, strict=True)) for row in rows]
        answer = self.post(json.dumps(body).encode())
        return self._read(answer, lambda: self._arrays(signature, answer))

    def post(self, body: bytes) -> dict:
        """Sends the body of a predict request as it is; returns the answer's JSON."""
        return self._call("POST", ":predict", body)

    def _ask_signatures(self):
        answer = self._call("GET", "/metadata")
        return self._read(answer, lambda: _signatures(answer))

    def _arrays(self, signature, answer):
        columns = answer["outputs" if self.columnar else "predictions"]
        if not self.columnar and isinstance(columns[0], dict):
            columns = {name: [row[name] for row in columns] for name in columns[0]}
        names = self.signatures()[signature].outputs
        if len(names) == 1:  # whose name TF Serving leaves out
            columns = {names[0]: columns}
        return {name: np.asarray(columns[name], np.float32) for name in names}

    def _call(self, method: str, suffix: str, body: bytes | None = None) -> Any:
        return self._retry.call(lambda: self._once(method, suffix, body))

    def _once(self, method, suffix, body):
        connection = http.client.HTTPConnection(self._address, timeout=self._timeout)
        try:
            headers = {"Content-Type": "application/json"} if body else {}
            connection.request(method, self._path + suffix, body, headers)
            response = connection.getresponse()
            data = response.read()
        except TimeoutError:
            raise self._too_late() from None
        except (OSError, UnicodeError, http.client.IncompleteRead) as error:
            raise UnavailableError(
                f"{self._address} is not there: {error or type(error).__name__}"
            ) from error
        except http.client.HTTPException as error:
            raise ServingError(
                f"{self._address} does not speak HTTP; is it the port of the REST API? "
                f"Received: {type(error).__name__} {str(error)[:80]!r}"
            ) from error
        finally:
            connection.close()
        if response.status == 200:
            return self._read(data, lambda: json.loads(data))
        text = (
            f"{self._address} answered {response.status} {response.reason}: "
            f"{_error_text(data)}"
        )
        if response.status in _UNAVAILABLE:
            raise UnavailableError(text)
        raise ServingError(text)

    def _read(self, answer, parse):
        """What `parse` makes of an answer; a ServingError if it is not TF Serving's."""
        try:
            return parse()
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise ServingError(
                f"{self._address} answered 200, but not as TF Serving does; is it the "
                f"port of the REST API? Received: {str(answer)[:80]}"
            ) from error


def as_json(array: np.ndarray) -> Any:
    """Nested lists of an array's numbers, or of its bytes as TF Serving wants them."""

    def told(value):
        if isinstance(value, list):
            return [told(part) for part in value]
        return {"b64": base64.b64encode(value).decode()}

    values = array.tolist()
    return told(values) if array.dtype.kind in "SO" else values


def _signatures(answer):
    definitions = answer["metadata"]["signature_def"]["signature_def"]
    return {
        name: SignatureSpec(
            {key: _field(info) for key, info in definition["inputs"].items()},
            tuple(sorted(definition["outputs"])),
        )
        for name, definition in definitions.items()
        if not name.startswith("__")
    }


def _error_text(data):
    """TF Serving's own message, or the start of a foreign body in one line."""
    try:
        return json.loads(data)["error"]
    except (ValueError, LookupError, TypeError):
        return " ".join(data[:200].decode(errors="replace").split()) or "an empty body"


def _field(info):
    sizes = [int(d["size"]) for d in info["tensor_shape"].get("dim", [])]
    shape = tuple(None if size < 0 else size for size in sizes)
    return Field(shape, _DTYPES[info["dtype"]])

"""A client of TF Serving's REST API, in its row and its columnar format."""

import http.client
import json
import urllib.parse
from collections.abc import Mapping
from typing import Any

import numpy as np

from kpp_tf.serving.client import (
    InputSpec,
    Retry,
    ServingError,
    SignatureSpec,
    UnavailableError,
    check_request,
    find,
)

_DTYPES = {"DT_FLOAT": np.float32, "DT_INT32": np.int32}


class RestClient:
    """Speaks HTTP and JSON.

    Args:
      address: host:port of the REST API (8501 by TF Serving's custom).
      model: the model's name.
      version: None for the newest.
      timeout: seconds that one attempt may take.
      columnar: whether to send `inputs` (one array each) or `instances` (rows).
      retry: when to try again.
    """

    def __init__(
        self,
        address: str,
        model: str,
        version: int | None = None,
        timeout: float = 10.0,
        columnar: bool = True,
        retry: Retry = Retry(),  # noqa: B008, immutable
    ):
        self._host = address
        self._path = f"/v1/models/{urllib.parse.quote(model, safe='')}"
        if version is not None:
            self._path += f"/versions/{version}"
        self._timeout = timeout
        self.columnar = columnar
        self._retry = retry
        self._specs: dict[str, SignatureSpec] | None = None

    def signatures(self) -> dict[str, SignatureSpec]:
        """What the model offers, asked of the server once."""
        if self._specs is None:
            answer = self._call("GET", "/metadata")
            definitions = answer["metadata"]["signature_def"]["signature_def"]
            self._specs = {
                name: SignatureSpec(
                    {field: _spec(i) for field, i in definition["inputs"].items()},
                    tuple(sorted(definition["outputs"])),
                )
                for name, definition in definitions.items()
                if not name.startswith("__")
            }
        return self._specs

    def predict(
        self, inputs: Mapping[str, Any], signature: str = "serving_default"
    ) -> dict[str, np.ndarray]:
        """Asks for a prediction.

        Args:
          inputs: arrays by input name, batch first.
          signature: its name.

        Returns:
          float32 arrays by output name.

        Raises:
          ValueError: for a request that the signature cannot take; nothing is sent.
          ServingError: if the server refuses it.
          UnavailableError: if the server is not there.
          TimeoutError: if an attempt takes longer than `timeout`.
        """
        spec = find(self.signatures(), signature)
        arrays = check_request(signature, spec.inputs, inputs)
        answer = self.send(signature, arrays)
        if self.columnar:
            columns = answer["outputs"]
        else:
            columns = _columns(answer["predictions"])
        if len(spec.outputs) == 1:  # whose name TF Serving leaves out
            columns = {spec.outputs[0]: columns}
        return {name: np.asarray(v, np.float32) for name, v in columns.items()}

    def send(self, signature: str, arrays: Mapping[str, np.ndarray]) -> dict:
        """Sends arrays as they are, unchecked; returns the answer's JSON."""
        values = {name: np.asarray(array).tolist() for name, array in arrays.items()}
        body: dict[str, Any] = {"signature_name": signature}
        if self.columnar:
            body["inputs"] = values
        else:
            rows = zip(*values.values(), strict=True)
            body["instances"] = [dict(zip(values, row, strict=True)) for row in rows]
        return self.post(json.dumps(body).encode())

    def post(self, body: bytes) -> dict:
        """Sends the body of a predict request as it is; returns the answer's JSON."""
        return self._call("POST", ":predict", body)

    def _call(self, method: str, suffix: str, body: bytes | None = None) -> dict:
        return self._retry.call(lambda: self._once(method, suffix, body))

    def _once(self, method, suffix, body):
        connection = http.client.HTTPConnection(self._host, timeout=self._timeout)
        try:
            headers = {"Content-Type": "application/json"} if body else {}
            connection.request(method, self._path + suffix, body, headers)
            response = connection.getresponse()
            data = response.read()
        except TimeoutError:
            raise TimeoutError(
                f"no answer from {self._host} within {self._timeout} s"
            ) from None
        except (ConnectionError, http.client.RemoteDisconnected) as error:
            raise UnavailableError(f"{self._host} is not there: {error}") from error
        finally:
            connection.close()
        if response.status == 200:
            return json.loads(data)
        text = _error_text(data)
        if response.status == 503:
            raise UnavailableError(text)
        raise ServingError(text)


def _columns(rows):
    if not isinstance(rows[0], dict):
        return rows
    return {name: [row[name] for row in rows] for name in rows[0]}


def _error_text(data):
    try:
        return json.loads(data)["error"]
    except (ValueError, KeyError, TypeError):
        return data[:500].decode(errors="replace")


def _spec(info):
    sizes = [int(d["size"]) for d in info["tensor_shape"].get("dim", [])]
    shape = tuple(None if size < 0 else size for size in sizes)
    return InputSpec(shape, _DTYPES[info["dtype"]])

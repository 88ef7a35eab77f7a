"""A client of TF Serving's REST API, in its row and its columnar format."""

import base64
import http.client
import json
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import urllib3
from urllib3 import exceptions

from kpp_tf.serving.client_base import Client, ServingError, UnavailableError
from kpp_tf.serving.specs import Field, SignatureSpec

_DTYPES: dict[str, type[np.generic]] = {
    "DT_FLOAT": np.float32,
    "DT_INT32": np.int32,
    "DT_STRING": np.bytes_,
}
# The codes of HTTP that gRPC maps to UNAVAILABLE (doc/http-grpc-status-mapping.md).
_UNAVAILABLE = (429, 502, 503, 504)
_T = TypeVar("_T")


class _Retry(urllib3.Retry):
    """Repeats everything but what ran out of time."""

    def increment(  # type: ignore[override]
        self, *args: Any, **kwargs: Any
    ) -> urllib3.Retry:
        error = kwargs.get("error")
        # To urllib3 a refused connection is a timeout, too.
        if isinstance(error, exceptions.TimeoutError) and not isinstance(
            error, exceptions.NewConnectionError
        ):
            raise error
        return super().increment(*args, **kwargs)


class RestClient(Client):
    """Speaks HTTP and JSON, usually on port 8501; see `Client`.

    Args:
      address: host:port.
      model: the model's name.
      columnar: whether to send `inputs` (columns) or `instances` (rows).
    """

    def __init__(
        self, address: str, model: str, *args: Any, columnar: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(address, model, *args, **kwargs)
        self._path = f"/v1/models/{urllib.parse.quote(model, safe='')}"
        if self._version is not None:
            self._path += f"/versions/{self._version}"
        self.columnar = columnar
        self._pool = urllib3.PoolManager(timeout=self._timeout, maxsize=16)

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
        """Sends the body of a predict request; returns the answer's JSON."""
        return self._call("POST", ":predict", body)

    def _ask_signatures(self) -> dict[str, SignatureSpec]:
        answer = self._call("GET", "/metadata")
        return self._read(answer, lambda: _signatures(answer))

    def _arrays(self, signature: str, answer: Any) -> dict[str, np.ndarray]:
        columns = answer["outputs" if self.columnar else "predictions"]
        if not self.columnar and isinstance(columns[0], dict):
            columns = {name: [row[name] for row in columns] for name in columns[0]}
        names = self.signatures()[signature].outputs
        if len(names) == 1:  # TF Serving leaves out its name
            columns = {names[0]: columns}
        return {name: np.asarray(columns[name], np.float32) for name in names}

    def _call(self, method: str, suffix: str, body: bytes | None = None) -> Any:
        headers = {"Content-Type": "application/json"} if body else {}
        url = f"http://{self._address}{self._path}{suffix}"
        # A POST is repeated too: predictions have no side effects.
        retry = _Retry(
            total=self._attempts - 1,
            redirect=False,
            allowed_methods=None,
            status_forcelist=_UNAVAILABLE,
            backoff_factor=self._pause,
            respect_retry_after_header=False,
            raise_on_status=False,
        )
        try:
            response = self._pool.request(
                method, url, body=body, headers=headers, retries=retry
            )
        except exceptions.TimeoutError:
            raise self._too_late() from None
        except exceptions.MaxRetryError as error:
            cause: BaseException = error.reason or error
            if isinstance(cause, exceptions.ProtocolError):
                cause = next((a for a in cause.args if isinstance(a, Exception)), cause)
            if type(cause) in (http.client.BadStatusLine, http.client.LineTooLong):
                raise ServingError(
                    f"{self._address} does not speak HTTP; is it the port of the REST "
                    f"API? Received: {str(cause)[:80]!r}"
                ) from error
            raise UnavailableError(
                f"{self._address} is not there: {cause or type(cause).__name__}"
            ) from error
        if response.status == 200:
            return self._read(response.data, lambda: json.loads(response.data))
        kind = UnavailableError if response.status in _UNAVAILABLE else ServingError
        raise kind(
            f"{self._address} answered {response.status} {response.reason}: "
            f"{_error_text(response.data)}"
        )

    def _read(self, answer: Any, parse: Callable[[], _T]) -> _T:
        """Parses an answer; raises ServingError if it is not TF Serving's."""
        try:
            return parse()
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise ServingError(
                f"{self._address} answered 200, but not as TF Serving does; is it the "
                f"port of the REST API? Received: {str(answer)[:80]}"
            ) from error


def as_json(array: np.ndarray) -> Any:
    """An array as nested lists of numbers, or of bytes in base64."""

    def encoded(value: Any) -> Any:
        if isinstance(value, list):
            return [encoded(part) for part in value]
        return {"b64": base64.b64encode(value).decode()}

    values = array.tolist()
    return encoded(values) if array.dtype.kind in "SO" else values


def _signatures(answer: Any) -> dict[str, SignatureSpec]:
    definitions = answer["metadata"]["signature_def"]["signature_def"]
    return {
        name: SignatureSpec(
            {key: _field(info) for key, info in definition["inputs"].items()},
            tuple(sorted(definition["outputs"])),
        )
        for name, definition in definitions.items()
        if not name.startswith("__")
    }


def _error_text(data: bytes) -> str:
    """TF Serving's own message, or the start of a foreign body in one line."""
    try:
        return json.loads(data)["error"]
    except (ValueError, LookupError, TypeError):
        return " ".join(data[:200].decode(errors="replace").split()) or "an empty body"


def _field(info: Any) -> Field:
    sizes = [int(d["size"]) for d in info["tensor_shape"].get("dim", [])]
    shape = tuple(None if size < 0 else size for size in sizes)
    return Field(shape, _DTYPES[info["dtype"]])

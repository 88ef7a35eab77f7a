"""What the clients of TF Serving share: errors, signatures, predictions.

Every signature is a pure function, so the clients repeat a request, with growing
pauses, if the server was unreachable or not ready. They do not repeat a request that
was refused or ran out of time.
"""

import abc
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from kpp_tf.errors import UserError
from kpp_tf.serving.request_checks import check_request
from kpp_tf.serving.specs import SignatureSpec


class ServingError(UserError):
    """The server refused a request, or is no server of this kind."""


class UnavailableError(ServingError):
    """The server was unreachable or not ready in all attempts."""


class NoAnswerError(ServingError):
    """The server was reached, and did not answer in time."""


class Client(abc.ABC):
    """A client of one model on one server.

    Args:
      address: host:port.
      model: the model's name.
      version: None for the newest.
      timeout: seconds to wait for an answer.
      attempts: how often to send a request until the server is available, 1 to 5.
      pause: seconds before the first repetition or the second; pauses double.

    Raises:
      UserError: if the address is not host:port.
    """

    def __init__(
        self,
        address: str,
        model: str,
        version: int | None = None,
        timeout: float = 10.0,
        attempts: int = 4,
        pause: float = 0.2,
    ) -> None:
        # A name, an IPv4 address or an IPv6 address in brackets.
        match = re.fullmatch(r"(?:[\w.-]+|\[[\da-fA-F:.]+\]):(\d{1,5})", address)
        if not match or int(match[1]) > 65535:
            raise UserError(
                "a server's address must be host:port, without a scheme or a path. "
                f"Received: {address!r}"
            )
        self._address, self._model, self._version = address, model, version
        self._timeout, self._attempts, self._pause = timeout, attempts, pause
        self._specs: dict[str, SignatureSpec] | None = None

    def signatures(self) -> dict[str, SignatureSpec]:
        """The model's signatures by name; asks the server once."""
        if self._specs is None:
            self._specs = self._ask_signatures()
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
          UserError: for a request that the signature cannot take; nothing is sent.
          ServingError: if the server refuses it.
          UnavailableError: if the server is unreachable or not ready.
          NoAnswerError: if the answer takes longer than `timeout`.
        """
        specs = self.signatures()
        if signature not in specs:
            raise UserError(
                f"signature must be one of {sorted(specs)}. Received: {signature!r}"
            )
        arrays = check_request(signature, specs[signature].inputs, inputs)
        return self.send(signature, arrays)

    @abc.abstractmethod
    def send(
        self, signature: str, arrays: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Sends arrays without checking them; returns the answer's arrays."""

    @abc.abstractmethod
    def _ask_signatures(self) -> dict[str, SignatureSpec]:
        """Asks the server for the model's signatures."""

    def _too_late(self) -> NoAnswerError:
        return NoAnswerError(f"no answer from {self._address} within {self._timeout} s")

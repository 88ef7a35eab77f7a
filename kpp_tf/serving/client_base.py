"""What the clients of TF Serving share: errors, when to try again, how to predict.

Every signature is a pure function, so a request is repeated where the server was not
reached or not ready, with growing pauses; a request that was refused or ran out of time
is not.
"""

import abc
import random
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from kpp_tf.errors import UserError
from kpp_tf.serving.request_checks import check_request
from kpp_tf.serving.specs import SignatureSpec


class ServingError(UserError):
    """The server refused a request, or what answered is no server of this kind."""


class UnavailableError(ServingError):
    """The server was not reached or not ready, after all attempts."""


class NoAnswerError(ServingError):
    """The server was reached, and did not answer in time."""


class Retry(NamedTuple):
    """When to try again.

    Attributes:
      attempts: in all.
      first_pause: seconds before the second attempt; each later pause is twice as
        long, and each is drawn between half of that and all of it.
      sleep: how to wait.
    """

    attempts: int = 4
    first_pause: float = 0.2
    sleep: Callable[[float], None] = time.sleep

    def call(self, function: Callable[[], Any]) -> Any:
        """Calls until the server is available; raises UnavailableError at last."""
        pause = self.first_pause
        for left in reversed(range(self.attempts)):
            try:
                return function()
            except UnavailableError:
                if not left:
                    raise
            self.sleep(pause * random.uniform(0.5, 1.0))
            pause *= 2


class Client(abc.ABC):
    """A client of one model on one server.

    Args:
      address: host:port.
      model: the model's name.
      version: None for the newest.
      timeout: seconds that one attempt may take.
      retry: when to try again.

    Raises:
      UserError: if the address is not host:port.
    """

    def __init__(
        self,
        address: str,
        model: str,
        version: int | None = None,
        timeout: float = 10.0,
        retry: Retry = Retry(),  # noqa: B008, immutable
    ):
        # A name, an IPv4 address or an IPv6 address in brackets.
        match = re.fullmatch(r"(?:[\w.-]+|\[[\da-fA-F:.]+\]):(\d{1,5})", address)
        if not match or int(match[1]) > 65535:
            raise UserError(
                "a server's address must be host:port, without a scheme or a path. "
                f"Received: {address!r}"
            )
        self._address, self._model, self._version = address, model, version
        self._timeout, self._retry = timeout, retry
        self._specs: dict[str, SignatureSpec] | None = None

    def signatures(self) -> dict[str, SignatureSpec]:
        """What the model offers, asked of the server once."""
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
          UnavailableError: if the server is not there.
          NoAnswerError: if an attempt takes longer than `timeout`.
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
        """Sends arrays as they are, unchecked; returns the answer's arrays."""

    @abc.abstractmethod
    def _ask_signatures(self) -> dict[str, SignatureSpec]:
        """Asks the server for the model's signatures."""

    def _too_late(self) -> NoAnswerError:
        return NoAnswerError(f"no answer from {self._address} within {self._timeout} s")

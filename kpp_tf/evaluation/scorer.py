"""The interface that bounds need of a model."""

from collections.abc import Callable
from typing import Protocol

from kpp_tf.models import Elbo, Memory


class Scorer(Protocol):
    """A `MemoryModel`, or a stand-in with the same `write` and `elbo`."""

    image_shape: tuple[int, ...]
    likelihood_name: str

    @property
    def write(self) -> Callable[..., Memory]: ...

    @property
    def elbo(self) -> Callable[..., Elbo]: ...

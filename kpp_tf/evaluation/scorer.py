"""What the bounds ask of whatever scores episodes."""

from collections.abc import Callable
from typing import Protocol

from kpp_tf.models import Elbo, Memory


class Scorer(Protocol):
    """A `MemoryModel`, or what scores as one does by its `write` and `elbo`."""

    image_shape: tuple[int, ...]
    likelihood_name: str

    @property
    def write(self) -> Callable[..., Memory]: ...

    @property
    def elbo(self) -> Callable[..., Elbo]: ...

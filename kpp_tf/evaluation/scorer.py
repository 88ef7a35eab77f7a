"""What the bounds ask of whatever scores episodes."""

from typing import Protocol

import tensorflow as tf

from kpp_tf.models import Elbo, Memory


class Scorer(Protocol):
    """A `MemoryModel`, or what stands in for one and scores as it does."""

    image_shape: tuple[int, ...]
    likelihood_name: str

    def write(
        self,
        episode: tf.Tensor,
        mask: tf.Tensor | None = None,
        written: tf.Tensor | None = None,
    ) -> Memory:
        """See `MemoryModel.write`."""

    def elbo(
        self,
        episode: tf.Tensor,
        seeds: tf.Tensor,
        mask: tf.Tensor | None = None,
        written: tf.Tensor | None = None,
        memory: Memory | None = None,
        analytic: bool = True,
    ) -> Elbo:
        """See `MemoryModel.elbo`."""

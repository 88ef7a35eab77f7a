"""What the memories of both Kanerva machines share: a learned prior and a noise."""

import math
from typing import Any

import keras
import tensorflow as tf

from kpp_tf.models.kanerva_machines import linear_gaussian
from kpp_tf.models.kanerva_machines.linear_gaussian import GaussianMemory

MIN_SCALE = 1e-3


class GaussianMemoryLayer(keras.layers.Layer):
    """A Gaussian random matrix with a learned prior, written to by Bayes' rule.

        M ~ MN(R0, U0, I),    z_t ~ N(M^T w_t, sigma^2 I),

    with R0 [S, D], the diagonal of U0 [S] and sigma learned. The layer computes in
    float32 under every dtype policy, as precisions of many updates need it.

    Args:
      slots: S, rows of the memory.
      code_size: D, columns of the memory.
      noise_scale: sigma at the start, over 0.001.
      prior_scale: standard deviation of the prior's numbers at the start, over 0.
      **kwargs: passed to `keras.layers.Layer`.
    """

    def __init__(
        self,
        slots: int,
        code_size: int,
        noise_scale: float,
        prior_scale: float,
        **kwargs: Any,
    ) -> None:
        if prior_scale <= 0:
            raise ValueError(f"prior_scale must be over 0. Received: {prior_scale}")
        kwargs["dtype"] = "float32"
        super().__init__(**kwargs)
        self.slots = slots
        self.code_size = code_size
        # Made here and not in build: a memory has a prior before it sees a code. Not
        # cast by a model of mixed precision either.
        self._prior_mean = self.add_weight(
            shape=(slots, code_size),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            autocast=False,
            name="prior_mean",
        )
        self._prior_log_variance = self.add_weight(
            shape=(slots,),
            initializer=keras.initializers.Constant(2.0 * math.log(prior_scale)),
            autocast=False,
            name="prior_log_variance",
        )
        self._noise = self._add_scale(noise_scale, "noise")

    def _add_scale(self, value: float, name: str) -> keras.Variable:
        """A learned scalar r such that `_scale(r)` starts at `value`."""
        if value <= MIN_SCALE:
            raise ValueError(f"{name} must start over {MIN_SCALE}. Received: {value}")
        start = math.log(math.expm1(value - MIN_SCALE))
        return self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(start),
            autocast=False,
            name=name,
        )

    @staticmethod
    def _scale(variable: keras.Variable) -> tf.Tensor:
        return MIN_SCALE + tf.nn.softplus(tf.convert_to_tensor(variable))

    @property
    def noise_variance(self) -> tf.Tensor:
        """sigma^2, float32 scalar."""
        return self._scale(self._noise) ** 2

    @property
    def memory_floats(self) -> int:
        """Numbers that one memory holds: mean, root of the covariance, determinant."""
        return self.slots * (self.code_size + self.slots) + 1

    def prior(self, batch: tf.Tensor | int) -> GaussianMemory:
        """The memory before anything is written, for `batch` episodes."""
        return linear_gaussian.independent_slots(
            tf.convert_to_tensor(self._prior_mean),
            tf.exp(self._prior_log_variance),
            batch,
        )

    def write_batch(
        self, weights: tf.Tensor, codes: tf.Tensor, mask: tf.Tensor | None = None
    ) -> GaussianMemory:
        """Posterior given codes and the weights to write them with, in one block.

        Args:
          weights: float32 [B, T, S].
          codes: float32 [B, T, D].
          mask: float32 [B, T]; frames with 0 are not written. None writes all.

        Returns:
          The posterior q(M).
        """
        if mask is not None:
            weights = weights * mask[:, :, None]
        prior = self.prior(tf.shape(codes)[0])
        return linear_gaussian.condition(prior, weights, codes, self.noise_variance)

    def kl_memory(self, memory: GaussianMemory) -> tf.Tensor:
        """KL[q(M) || p(M)], float32 [B], nats an episode (not an image)."""
        return linear_gaussian.kl_divergence(
            memory,
            tf.convert_to_tensor(self._prior_mean),
            tf.exp(self._prior_log_variance),
        )

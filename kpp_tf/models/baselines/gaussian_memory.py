"""What KM and DKM share: a Gaussian memory with a learned prior, and draws of it."""

import math
from typing import Any

import keras
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.errors import UserError
from kpp_tf.models import gaussians
from kpp_tf.models.baselines import linear_gaussian
from kpp_tf.models.baselines.linear_gaussian import GaussianMemory
from kpp_tf.models.memory_model import MemoryModel

MIN_SCALE = 1e-3


class GaussianMemoryLayer(keras.layers.Layer):
    """A Gaussian random matrix with a learned prior, written to by Bayes' rule.

        M ~ MN(R0, U0, I),    z_t ~ N(M^T w_t, sigma^2 I),

    with R0 [S, D], the diagonal of U0 [S] and sigma learned. The layer computes in
    float32 under every dtype policy: half precision loses the covariance.

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
        # Created here, not in build: a memory has a prior before it sees a code.
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
        """Numbers in one memory: mean, root of the covariance, log-determinant."""
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
        """KL[q(M) || p(M)], float32 [B], nats per episode."""
        return linear_gaussian.kl_divergence(
            memory,
            tf.convert_to_tensor(self._prior_mean),
            tf.exp(self._prior_log_variance),
        )


class GaussianMemoryModel(MemoryModel):
    """A model that writes a posterior q(M|X), and scores images under a draw of M.

    `elbo` draws one M an episode. By default it does not count the KL of the memory and
    bounds ln p(X|M), as for a deterministic memory. With `memory_kl`, KL[q(M|X) ||
    p(M)] is shared evenly among an episode's real images, and the bound is on ln p(X).
    Then start with a small `prior_scale`, such as 0.1: unread memory costs less.

    With `analytic=False` the memory is its mean R: importance weights of single images
    need images that are independent given the memory. The bound is on ln p(X|R).

    Where the encoder's embeddings are maps (`embedding_side`), a code is all of their
    cells in one row, as a decoder of maps (`code_side`) takes it.

    Args:
      memory: the layer that holds the prior and writes.
      memory_kl: whether `elbo` counts the KL of the memory.
      kwargs: see `MemoryModel`.

    Raises:
      UserError: if the code's size is no multiple of the map's cells.
    """

    def __init__(self, *, memory: GaussianMemoryLayer, memory_kl: bool, **kwargs: Any):
        super().__init__(**kwargs)
        self.memory = memory
        self.memory_kl = memory_kl
        self.side = self.encoder.embedding_side
        if memory.code_size % self.side**2:
            raise UserError(
                f"code_size must be a multiple of the {self.side**2} cells of an "
                f"embedding. Received: code_size={memory.code_size}"
            )
        self.cell_size = memory.code_size // self.side**2  # numbers of a code in a cell

    def row(self, maps: tf.Tensor) -> tf.Tensor:
        """[B, T, P, P, C] to [B, T, P * P * C]; rows stay as they are."""
        if self.side == 1:
            return maps
        batch, length = tf.unstack(tf.shape(maps)[:2])
        return tf.reshape(maps, [batch, length, math.prod(maps.shape[2:])])

    def as_map(self, row: tf.Tensor) -> tf.Tensor:
        """The inverse of `row`."""
        if self.side == 1:
            return row
        batch, length = tf.unstack(tf.shape(row)[:2])
        cells = row.shape[-1] // self.side**2
        return tf.reshape(row, [batch, length, self.side, self.side, cells])

    @property
    def memory_floats(self) -> int:
        return self.memory.memory_floats

    def draw_memory(
        self,
        memory: GaussianMemory,
        seeds: tf.Tensor,
        temperature: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """One sample of M an episode, reparametrised.

        Args:
          memory: q(M).
          seeds: int32 [B, 2].
          temperature: [B], factor of the standard deviation; 1 where it is None.

        Returns:
          float32 [B, S, D].
        """
        shape = tuple(tf.unstack(tf.shape(memory.mean)[1:]))
        drawn = noise.normal(seeds, shape, noise.Stream.MEMORY)
        return linear_gaussian.sample(memory, gaussians.tempered(drawn, temperature))

    def kl_per_image(
        self, memory: GaussianMemory, episode: tf.Tensor, mask: tf.Tensor | None
    ) -> tf.Tensor | None:
        """Shares the KL of a memory evenly among the real images of its episode.

        Args:
          memory: q(M).
          episode: [B, T, ...].
          mask: [B, T], or None where all images are real.

        Returns:
          float32 [B, T], nats per image; None without `memory_kl`.
        """
        if not self.memory_kl:
            return None
        real = tf.ones(tf.shape(episode)[:2])
        if mask is not None:
            real *= mask
        count = tf.reduce_sum(real, axis=1)
        kl = self.memory.kl_memory(memory)
        return tf.math.divide_no_nan(kl, count)[:, None] * real

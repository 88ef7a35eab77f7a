"""DKM: a Gaussian memory, addressed by least squares and read by attraction.

Reference:
  [1] Wu, Wayne, Gregor, Lillicrap. Learning Attractor Dynamics for Generative Memory.
      NeurIPS 2018. arXiv:1811.09556 (32 slots of 100 numbers).
"""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kpp_tf import noise
from kpp_tf.models import gaussians
from kpp_tf.models.baselines import linear_gaussian
from kpp_tf.models.baselines.gaussian_memory import (
    GaussianMemoryLayer,
    GaussianMemoryModel,
)
from kpp_tf.models.baselines.linear_gaussian import GaussianMemory
from kpp_tf.models.elbo import Elbo


class DynamicKanervaMemory(GaussianMemoryLayer):
    """Linear-Gaussian memory whose addresses solve a least-squares problem [1].

    Generative model of the codes of an episode:

        M ~ MN(R0, U0, I),    w_t ~ N(0, I),    z_t ~ N(M^T w_t, sigma^2 I).

    Addressing: q(w_t | z_t, M) = N((M M^T + sigma^2 I)^-1 M z_t, sigma_w^2 I) with a
    learned scalar sigma_w. Writing: the exact posterior of M given weights.

    The weights that a code is written with depend on a memory, and the memory on them.
    All codes are first addressed in the prior mean R0 and written as one block, then
    addressed in the mean that this gave and written to the prior again, `write_passes`
    times in all: coordinate ascent on weights and memory. The order of the frames does
    not matter; [1] writes them one by one.

    A bound on ln p(X) holds all the same. These weights are point estimates that only
    choose q(M|X), and every q(M|X) is admissible: the model draws M from it and infers
    the weights of its likelihood given that M.

    Args:
      slots, code_size, noise_scale, prior_scale: see `GaussianMemoryLayer`.
      write_passes: rounds of addressing and writing, at least 1.
      weight_scale: sigma_w at the start, over 0.001.
      **kwargs: passed to `keras.layers.Layer`.

    Raises:
      ValueError: if `write_passes` is under 1.
    """

    def __init__(
        self,
        slots: int,
        code_size: int,
        write_passes: int,
        noise_scale: float,
        prior_scale: float,
        weight_scale: float,
        **kwargs: Any,
    ):
        if write_passes < 1:
            raise ValueError(
                f"write_passes must be at least 1. Received: {write_passes}"
            )
        super().__init__(slots, code_size, noise_scale, prior_scale, **kwargs)
        self.write_passes = write_passes
        self._weight_scale = self._add_scale(weight_scale, "weight_scale")

    @property
    def weight_scale(self) -> tf.Tensor:
        """sigma_w, standard deviation of q(w | z, M), float32 scalar."""
        return self._scale(self._weight_scale)

    def address(self, matrix: tf.Tensor, codes: tf.Tensor) -> tf.Tensor:
        """Mean of q(w | z, M), by regularised least squares.

        Args:
          matrix: M, a sample or the mean of the memory, float32 [B, S, D].
          codes: float32 [B, T, D].

        Returns:
          float32 [B, T, S].
        """
        return linear_gaussian.least_squares_weights(matrix, codes, self.noise_variance)

    def read(self, matrix: tf.Tensor, codes: tf.Tensor) -> tf.Tensor:
        """Reads at the addresses of given codes: w = address(M, z), then M^T w.

        The attractor dynamics of [1] decode and encode between reads, which a model
        does with its `refine`.

        Args:
          matrix: M, float32 [B, S, D].
          codes: cues, float32 [B, T, D].

        Returns:
          Codes read, float32 [B, T, D].
        """
        return tf.matmul(self.address(matrix, codes), matrix)

    def call(
        self, codes: tf.Tensor, frame_mask: tf.Tensor | None = None
    ) -> GaussianMemory:
        """Writes an episode of codes.

        Args:
          codes: float32 [B, T, D].
          frame_mask: float32 [B, T], 1 for a real frame, 0 for padding. None: all real.

        Returns:
          The posterior q(M | codes).
        """
        memory = self.prior(tf.shape(codes)[0])
        for _ in range(self.write_passes):
            weights = self.address(memory.mean, codes)
            memory = self.write_batch(weights, codes, frame_mask)
        return memory


@keras.saving.register_keras_serializable(package="kpp_tf")
class DynamicKanervaMachine(GaussianMemoryModel):
    """The Dynamic Kanerva Machine [1]; with a shifting encoder, "DKM with TSM".

    Write:    e_t = f_enc(X)_t;  q(M|X), the posterior of M given codes e and the
              weights that they are addressed with (see `DynamicKanervaMemory`).
    Generate: M ~ p(M),  w_t ~ p(w) = N(0, I),  x_t ~ p(x | M^T w_t).
    Infer:    q(w_t|X, M) = N(argmin_w |e_t - M^T w|^2 + sigma^2 |w|^2, sigma_w^2 I).
    Bound:    E_q(M|X) { E_q(w) ln p(x_t | M^T w) - KL[q(w_t|X, M) || p(w)] }
              <=  E_q(M|X) ln p(x_t|M).

    `elbo` draws one M from q(M|X) an episode and infers weights given that M, so that
    the bound holds whatever wrote the memory. The KL of the weights is `kl_keys`; there
    are no other latents.

    The published objective counts the KL of the memory (`memory_kl`) and adds the
    log-likelihood of an autoencoder, so that decoder and encoder agree. Here gradients
    reach the encoder through the least squares, and the objective is the bound alone.
    The noise sigma, fixed there, is learned here.

    Args:
      slots, code_size, write_passes, prior_scale, noise_scale, weight_scale: see
        `DynamicKanervaMemory`.
      kwargs: see `GaussianMemoryModel`. An encoder with shift="none" makes it DKM, one
        with "bidirectional" DKM with TSM.
    """

    config_name = "dynamic_kanerva_machine"

    def __init__(
        self,
        *,
        slots: int,
        code_size: int,
        write_passes: int,
        prior_scale: float,
        noise_scale: float,
        weight_scale: float,
        **kwargs: Any,
    ):
        memory = DynamicKanervaMemory(
            slots,
            code_size,
            write_passes,
            noise_scale,
            prior_scale,
            weight_scale,
            name="memory",
        )
        super().__init__(memory=memory, **kwargs)
        self.code = keras.layers.Dense(self.cell_size, name="code")

    def write_embeddings(
        self, embeddings: tf.Tensor, written: tf.Tensor | None
    ) -> GaussianMemory:
        """The posterior q(M|X), a `GaussianMemory`."""
        return self.memory(self.codes(embeddings), frame_mask=written)

    def elbo(
        self,
        episode: tf.Tensor,
        seeds: tf.Tensor,
        mask: tf.Tensor | None = None,
        written: tf.Tensor | None = None,
        memory: GaussianMemory | None = None,
        analytic: bool = True,
    ) -> Elbo:
        embeddings, memory = self.embed_and_write(episode, mask, written, memory)
        matrix = self.draw_memory(memory, seeds) if analytic else memory.mean
        posterior = self._weights(matrix, self.codes(embeddings))
        weights = gaussians.draw(posterior, seeds, noise.Stream.KEYS)
        parameters = self.decode(tf.matmul(weights, matrix))
        log_likelihood = self.likelihood.log_prob(parameters, episode)
        prior = gaussians.standard(self.memory.slots)
        kl_keys = gaussians.kl(posterior, prior, weights, analytic)
        kl_memory = self.kl_per_image(memory, episode, mask)
        return Elbo.masked(mask, log_likelihood, kl_keys=kl_keys, kl_memory=kl_memory)

    def generate(
        self,
        memory: GaussianMemory,
        num_samples: int,
        seeds: tf.Tensor,
        temperature: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """See `MemoryModel`; M is drawn once an episode, weights once an image."""
        seeds = self.check_draws(memory, num_samples, seeds)
        matrix = self.draw_memory(memory, seeds, temperature)
        drawn = noise.normal(seeds, (num_samples, self.memory.slots), noise.Stream.KEYS)
        weights = gaussians.tempered(drawn, temperature)
        return self.picture(tf.matmul(weights, matrix))

    def reconstruct(
        self,
        memory: GaussianMemory,
        queries: tf.Tensor,
        seeds: tf.Tensor,
        mask: tf.Tensor | None = None,
    ) -> tf.Tensor:
        codes = self.codes(self.embed_queries(memory, queries, mask))
        posterior = self._weights(memory.mean, codes)
        weights = gaussians.draw(posterior, seeds, noise.Stream.KEYS)
        return self.picture(tf.matmul(weights, memory.mean))

    def refine(self, memory: GaussianMemory, images: tf.Tensor) -> tf.Tensor:
        """One step of the attractor dynamics: encode, address, read, decode."""
        codes = self.codes(self.embed_queries(memory, images))
        return self.picture(self.memory.read(memory.mean, codes))

    def codes(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Codes float32 [B, T, D] of embeddings."""
        return self.row(tf.cast(self.code(embeddings), tf.float32))

    def _weights(
        self, matrix: tf.Tensor, codes: tf.Tensor
    ) -> tfd.MultivariateNormalDiag:
        """q(w|X, M): batch [B, T], event [S]."""
        mean = self.memory.address(matrix, codes)
        return gaussians.diagonal(mean, self.memory.weight_scale * tf.ones_like(mean))

"""A variational autoencoder of the same networks: the baseline without a memory."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kpp_tf import noise
from kpp_tf.layers.gaussian_head import GaussianHead
from kpp_tf.models import gaussians
from kpp_tf.models.elbo import Elbo
from kpp_tf.models.memory_model import MemoryModel


@keras.saving.register_keras_serializable(package="kpp_tf")
class VariationalAutoencoder(MemoryModel):
    """A VAE of single images.

    Generate: z ~ p(z) = N(0, I),  x ~ p(x|z).
    Infer:    q(z|x), Gaussian.
    Bound:    E_q ln p(x|z) - KL[q(z|x) || p(z)]  <=  ln p(x).

    Its memory holds no numbers, float32 [B, 0]: what it generates depends on the seeds
    alone.

    Reference: Kingma, Welling, "Auto-Encoding Variational Bayes", ICLR 2014.

    Where the encoder's embeddings are maps (`embedding_side`), so are the latents, as
    in Kanerva++ with blocks of many cells; the decoder's `code_side` is then P.

    Args:
      latent_size: L, of each cell of a map.
      kwargs: see `MemoryModel`. The encoder's shift must be "none": a VAE sees each
        image by itself.

    Raises:
      ValueError: the encoder shifts.
    """

    config_name = "vae"

    def __init__(self, *, latent_size: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.latent_size = latent_size
        if self.encoder.shift != "none":
            raise ValueError(
                "a VAE sees each image by itself: set the encoder's shift='none'. "
                f"Received: shift={self.encoder.shift!r}"
            )
        self.latents = self.encoder.embedding_side**2 * latent_size
        self.latent_posterior = GaussianHead(latent_size, name="latent_posterior")

    @property
    def memory_floats(self) -> int:
        return 0

    def write(
        self,
        episode: tf.Tensor,
        mask: tf.Tensor | None = None,
        written: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Keeps nothing: float32 [B, 0]."""
        self.check_written(episode, mask, written)
        return tf.zeros([tf.shape(self.check_episode(episode))[0], 0])

    def elbo(
        self,
        episode: tf.Tensor,
        seeds: tf.Tensor,
        mask: tf.Tensor | None = None,
        written: tf.Tensor | None = None,
        memory: tf.Tensor | None = None,
        analytic: bool = True,
    ) -> Elbo:
        self.check_written(episode, mask, written)
        posterior = self._posterior(episode, memory)
        latents = gaussians.draw(posterior, seeds, noise.Stream.LATENTS)
        log_likelihood = self.likelihood.log_prob(self.decode(latents), episode)
        prior = gaussians.standard(self.latents)
        kl_latents = gaussians.kl(posterior, prior, latents, analytic)
        return Elbo.masked(mask, log_likelihood, kl_latents)

    def generate(
        self,
        memory: tf.Tensor,
        num_samples: int,
        seeds: tf.Tensor,
        temperature: tf.Tensor | None = None,
    ) -> tf.Tensor:
        seeds = self.check_draws(memory, num_samples, seeds)
        shape = (num_samples, self.latents)
        drawn = noise.normal(seeds, shape, noise.Stream.LATENTS)
        return self.picture(gaussians.tempered(drawn, temperature))

    def reconstruct(
        self,
        memory: tf.Tensor,
        queries: tf.Tensor,
        seeds: tf.Tensor,
        mask: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Decodes a draw of q(z|x)."""
        del mask
        posterior = self._posterior(queries, memory)
        return self.picture(gaussians.draw(posterior, seeds, noise.Stream.LATENTS))

    def refine(self, memory: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
        """Decodes the mean of q(z|x)."""
        return self.picture(self._posterior(images, memory).mean())

    def _posterior(
        self, images: tf.Tensor, memory: tf.Tensor | None
    ) -> tfd.MultivariateNormalDiag:
        parameters = self.latent_posterior(self.embed_queries(memory, images))
        shape = [*tf.unstack(tf.shape(images)[:2]), self.latents]
        return gaussians.diagonal(*(tf.reshape(part, shape) for part in parameters))

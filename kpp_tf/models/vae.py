"""A variational autoencoder on the same networks: what a memory must beat."""

import keras
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.layers.gaussian_head import GaussianHead
from kpp_tf.models import gaussians
from kpp_tf.models.elbo import Elbo
from kpp_tf.models.memory_model import MemoryModel


@keras.saving.register_keras_serializable(package="kpp_tf")
class VariationalAutoencoder(MemoryModel):
    """The baseline without memory: every image by itself.

    Generate: z ~ p(z) = N(0, I),  x ~ p(x|z).
    Infer:    q(z|x), Gaussian.
    Bound:    E_q ln p(x|z) - KL[q(z|x) || p(z)]  <=  ln p(x).

    It fulfils the contract with a memory of no numbers, float32 [B, 0]: what it
    generates depends on nothing but the seeds.

    Reference: Kingma, Welling, "Auto-Encoding Variational Bayes", ICLR 2014.

    Where the encoder's embeddings are maps (`embedding_side`), the latents are too, as
    those of Kanerva++ with blocks of many cells; the decoder's `code_side` is then P.

    Args:
      latent_size: L, of each cell of a map.
      kwargs: see `MemoryModel`. shift must be "none", as with shifts it would
        be no VAE of single images.

    Raises:
      ValueError: the encoder shifts.
    """

    config_name = "vae"

    def __init__(self, *, latent_size: int, **kwargs):
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

    def write(self, episode, mask=None, written=None):
        """Keeps nothing: float32 [B, 0]."""
        self.check_written(episode, mask, written)
        return tf.zeros([tf.shape(self.check_episode(episode))[0], 0])

    def elbo(self, episode, seeds, mask=None, written=None, memory=None, analytic=True):
        del memory
        self.check_written(episode, mask, written)
        posterior = self._posterior(episode)
        latents = gaussians.draw(posterior, seeds, noise.Stream.LATENTS)
        log_likelihood = self.likelihood.log_prob(self.decode(latents), episode)
        prior = gaussians.standard(self.latents)
        kl_latents = gaussians.kl(posterior, prior, latents, analytic)
        return Elbo.masked(mask, log_likelihood, kl_latents)

    def generate(self, memory, num_samples, seeds, temperature=None):
        del memory
        shape = (num_samples, self.latents)
        drawn = noise.normal(seeds, shape, noise.Stream.LATENTS)
        return self.picture(gaussians.tempered(drawn, temperature))

    def reconstruct(self, memory, queries, seeds, mask=None):
        """Decodes a draw of q(z|x): `memory` has no say."""
        del memory, mask
        posterior = self._posterior(queries)
        return self.picture(gaussians.draw(posterior, seeds, noise.Stream.LATENTS))

    def refine(self, memory, images):
        """Decodes the mean of q(z|x): `memory` has no say."""
        del memory
        return self.picture(self._posterior(images).mean())

    def _posterior(self, images):
        parameters = self.latent_posterior(self.embed(images))
        shape = [*tf.unstack(tf.shape(images)[:2]), self.latents]
        return gaussians.diagonal(*(tf.reshape(part, shape) for part in parameters))

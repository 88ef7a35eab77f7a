"""A variational autoencoder on the same networks: what a memory must beat."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.layers.decoders import make_decoder
from kpp_tf.layers.gaussian_head import GaussianHead
from kpp_tf.layers.tsm_resnet import TSMResNet
from kpp_tf.models import gaussians
from kpp_tf.models.memory_model import Elbo, MemoryModel

LATENT_SALT = 2


@keras.saving.register_keras_serializable(package="kpp_tf")
class VariationalAutoencoder(MemoryModel):
    """The baseline without memory: every image by itself.

    Generate: z ~ p(z) = N(0, I),  x ~ p(x|z).
    Infer:    q(z|x), Gaussian.
    Bound:    E_q ln p(x|z) - KL[q(z|x) || p(z)]  <=  ln p(x).

    It fulfils the contract with a memory of no numbers, float32 [B, 0]: what it
    generates depends on nothing but the seeds.

    Reference: Kingma, Welling, "Auto-Encoding Variational Bayes", ICLR 2014.

    Args:
      image_shape, likelihood, episode_length: see `MemoryModel`.
      latent_size: L.
      encoder: arguments of `TSMResNet`; shift must be "none", as with shifts it would
        be no VAE of single images.
      decoder: arguments of `make_decoder`.

    Raises:
      ValueError: the encoder shifts.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (28, 28, 1),
        likelihood: str = "bernoulli",
        episode_length: int = 32,
        latent_size: int = 32,
        encoder: dict | None = None,
        decoder: dict | None = None,
        **kwargs,
    ):
        super().__init__(image_shape, likelihood, episode_length, **kwargs)
        self.latent_size = latent_size
        self.encoder_config = {"shift": "none", **(encoder or {})}
        self.decoder_config = dict(decoder or {})
        self.encoder = TSMResNet(**self.encoder_config, name="encoder")
        if self.encoder.shift != "none":
            raise ValueError(
                "a VAE sees each image by itself: set the encoder's shift='none'. "
                f"Received: shift={self.encoder.shift!r}"
            )
        self.latent_posterior = GaussianHead(latent_size, name="latent_posterior")
        self.decoder = make_decoder(
            self.image_shape,
            self.likelihood.num_parameters(self.image_shape[-1]),
            **self.decoder_config,
        )

    @property
    def memory_floats(self) -> int:
        return 0

    def write(self, episode, mask=None):
        """Keeps nothing: float32 [B, 0]."""
        del mask
        return tf.zeros([tf.shape(self.check_episode(episode))[0], 0])

    def elbo(self, episode, seeds, mask=None, memory=None, analytic=True):
        del memory
        posterior = self._posterior(episode)
        latents = gaussians.draw(posterior, seeds, LATENT_SALT)
        log_likelihood = self.likelihood.log_prob(self._decode(latents), episode)
        prior = gaussians.standard(self.latent_size)
        kl_latents = gaussians.kl(posterior, prior, latents, analytic)
        if mask is not None:
            log_likelihood, kl_latents = log_likelihood * mask, kl_latents * mask
        zeros = tf.zeros_like(kl_latents)
        return Elbo(log_likelihood, kl_latents, zeros, zeros)

    def generate(self, memory, num_samples, seeds, temperature=None):
        del memory
        drawn = noise.normal(seeds, (num_samples, self.latent_size), LATENT_SALT)
        return self._picture(gaussians.tempered(drawn, temperature))

    def reconstruct(self, memory, queries, seeds, mask=None):
        """Decodes a draw of q(z|x): `memory` has no say."""
        del memory, mask
        return self._picture(
            gaussians.draw(self._posterior(queries), seeds, LATENT_SALT)
        )

    def refine(self, memory, images, seeds):
        """Decodes the mean of q(z|x): `memory` has no say."""
        del memory, seeds
        return self._picture(self._posterior(images).mean())

    def _posterior(self, images):
        embeddings = self.encoder(self.check_episode(images))
        return gaussians.diagonal(*self.latent_posterior(embeddings))

    def _decode(self, latents):
        return self.decoder(tf.cast(latents, self.compute_dtype))

    def _picture(self, latents):
        return self.likelihood.mean(self._decode(latents), self.image_shape[-1])

    def get_config(self):
        return {
            **super().get_config(),
            "latent_size": self.latent_size,
            "encoder": self.encoder_config,
            "decoder": self.decoder_config,
        }

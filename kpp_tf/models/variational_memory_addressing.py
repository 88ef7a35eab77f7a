"""VMA: a memory of stored items, read through a categorical address."""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.layers import variational_addressing as addressing
from kpp_tf.layers.decoders import make_decoder
from kpp_tf.layers.gaussian_head import GaussianHead
from kpp_tf.layers.tsm_resnet import TSMResNet
from kpp_tf.models import gaussians
from kpp_tf.models.memory_model import Elbo, MemoryModel

ADDRESS_SALT, LATENT_SALT = 1, 2
# Beyond this many slots, decoding the image once for every slot is too dear.
LONGEST_EXACT_SUM = 64


class StoredItems(NamedTuple):
    """The memory: items float32 [B, S, D], and occupied float32 [B, S] in {0, 1}."""

    items: tf.Tensor
    occupied: tf.Tensor


@keras.saving.register_keras_serializable(package="kpp_tf")
class VariationalMemoryAddressing(MemoryModel):
    """Variational memory addressing.

    Write:    E = f_enc(X),  m_t = W e_t: one item an image, in a slot of its own.
    Generate: a ~ p(a) uniform,  z ~ p(z|m_a),  x ~ p(x|z, m_a).
    Infer:    q(a|x, M) by similarity,  q(z|x, m_a).
    Bound:    sum_a q(a|x, M) { E_q ln p(x|z, m_a) - KL[q(z|x, m_a) || p(z|m_a)] }
              - KL[q(a|x, M) || p(a)]  <=  ln p(x|M).

    The KL of the address is reported as `kl_keys`. Memory grows with the episode:
    `item_size` floats an image.

    Two protocols, not to be mixed up. By default, as everywhere in this package, the
    memory holds the very image that is scored, and a sharp address costs ln T nats.
    With `leave_one_out` an image is scored under the other items of its episode, which
    is nearer to the published system, whose memory does not hold what it explains;
    then only similar images help, and episodes should be of one class.

    Unlike the published system, items are embeddings, not the images themselves, and
    are encoded by the encoder that all models here share.

    Reference: Bornschein, Mnih, Zoran, Rezende, "Variational Memory Addressing in
    Generative Models", NeurIPS 2017.

    Args:
      image_shape, likelihood, episode_length: see `MemoryModel`.
      item_size: D, numbers stored of an image.
      latent_size: L.
      key_size: size of the space in which an image is compared with items.
      address_samples: 0 sums the address exactly, at the cost of decoding every image
        once a slot; K >= 2 draws K addresses and bounds by VIMCO. None: exact up to
        episodes of 64, 4 samples beyond.
      leave_one_out: score each image without its own item.
      encoder: arguments of `TSMResNet`. Published VMA sees each image by itself:
        shift="none".
      decoder: arguments of `make_decoder`.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (28, 28, 1),
        likelihood: str = "bernoulli",
        episode_length: int = 32,
        item_size: int = 100,
        latent_size: int = 16,
        key_size: int = 32,
        address_samples: int | None = None,
        leave_one_out: bool = False,
        encoder: dict | None = None,
        decoder: dict | None = None,
        **kwargs,
    ):
        super().__init__(image_shape, likelihood, episode_length, **kwargs)
        if address_samples is None:
            address_samples = 0 if episode_length <= LONGEST_EXACT_SUM else 4
        if address_samples < 0 or address_samples == 1:
            raise ValueError(
                "address_samples must be 0 (exact sum) or at least 2 (VIMCO). "
                f"Received: {address_samples}"
            )
        self.item_size = item_size
        self.latent_size = latent_size
        self.key_size = key_size
        self.address_samples = address_samples
        self.leave_one_out = leave_one_out
        self.encoder_config = dict(encoder or {})
        self.decoder_config = dict(decoder or {})
        self.encoder = TSMResNet(**self.encoder_config, name="encoder")
        if leave_one_out and self.encoder.shift != "none":
            raise ValueError(
                "leave_one_out needs an encoder with shift='none': temporal shifts "
                "mix each image into its neighbours' items. Received: "
                f"shift={self.encoder.shift!r}"
            )
        self.item = keras.layers.Dense(item_size, name="item")
        self.addressing = addressing.VariationalAddressing(key_size, name="addressing")
        self.latent_posterior = GaussianHead(latent_size, name="latent_posterior")
        self.latent_prior = GaussianHead(latent_size, name="latent_prior")
        self.decoder = make_decoder(
            self.image_shape,
            self.likelihood.num_parameters(self.image_shape[-1]),
            **self.decoder_config,
        )

    @property
    def memory_floats(self) -> int:
        return self.episode_length * self.item_size

    def write(self, episode, mask=None):
        """Stores an episode's items: `StoredItems` with one slot an image."""
        return self._write(self._embed(episode, mask), mask)

    def elbo(self, episode, seeds, mask=None, memory=None, analytic=True):
        embeddings = self._embed(episode, mask)
        leave_one_out = self.leave_one_out and memory is None
        if memory is None:
            memory = self._write(embeddings, mask)
        length = tf.shape(embeddings)[1]
        support = addressing.address_support(memory.occupied, length, leave_one_out)
        log_q = self.addressing(embeddings, memory.items, support)
        log_p = addressing.uniform_log_prob(support)
        if self.address_samples:
            uniforms = noise.uniform(
                seeds, (length, self.address_samples), ADDRESS_SALT
            )
            addresses = addressing.sample_addresses(log_q, uniforms)
            items = tf.gather(memory.items, addresses, batch_dims=1)
            log_q = tf.gather(log_q, addresses, batch_dims=2)
            log_p = tf.gather(log_p, addresses, batch_dims=2)
            log_likelihood, ratio = self._score(
                episode, embeddings, items, seeds, analytic=False
            )
            terms = addressing.vimco_terms(log_q, log_p, log_likelihood, ratio)
        else:
            items = tf.repeat(memory.items[:, tf.newaxis], length, axis=1)
            log_likelihood, kl = self._score(
                episode, embeddings, items, seeds, analytic
            )
            if not analytic:
                # Under this posterior the sum is ln sum_a p(a) w(a), so that
                # exp(-bound) is an importance weight.
                log_q = tf.nn.log_softmax(log_p + log_likelihood - kl)
            terms = addressing.exact_terms(log_q, log_p, log_likelihood, kl)
        terms = *terms, tf.zeros_like(terms.log_likelihood)
        if mask is not None:
            terms = (term * mask for term in terms)
        return Elbo(*terms)

    def generate(self, memory, num_samples, seeds, temperature=None):
        """See `MemoryModel`; the temperature acts on latents, not on the address."""
        support = addressing.address_support(memory.occupied, num_samples)
        uniforms = noise.uniform(seeds, (num_samples, 1), ADDRESS_SALT)
        log_p = addressing.uniform_log_prob(support)
        addresses = addressing.sample_addresses(log_p, uniforms)[..., 0]
        items = tf.gather(memory.items, addresses, batch_dims=1)
        prior = gaussians.diagonal(*self.latent_prior(items))
        return self._picture(
            gaussians.draw(prior, seeds, LATENT_SALT, temperature), items
        )

    def reconstruct(self, memory, queries, seeds, mask=None):
        log_q = self._address_posterior(memory, queries, mask)
        uniforms = noise.uniform(seeds, (tf.shape(log_q)[1], 1), ADDRESS_SALT)
        addresses = addressing.sample_addresses(log_q, uniforms)[..., 0]
        return self._read(memory, addresses)

    def refine(self, memory, images, seeds):
        del seeds  # the likeliest address: nothing is drawn
        log_q = self._address_posterior(memory, images, mask=None)
        return self._read(memory, tf.argmax(log_q, axis=-1, output_type=tf.int32))

    def _embed(self, episode, mask):
        return self.encoder(self.check_episode(episode), frame_mask=mask)

    def _write(self, embeddings, mask):
        items = tf.cast(self.item(embeddings), tf.float32)
        occupied = tf.ones(tf.shape(items)[:2]) if mask is None else mask
        occupied = tf.cast(occupied, tf.float32)
        return StoredItems(items * occupied[..., tf.newaxis], occupied)

    def _address_posterior(self, memory, queries, mask):
        embeddings = self._embed(queries, mask)
        support = addressing.address_support(memory.occupied, tf.shape(embeddings)[1])
        return self.addressing(embeddings, memory.items, support)

    def _read(self, memory, addresses):
        items = tf.gather(memory.items, addresses, batch_dims=1)
        mean, _ = self.latent_prior(items)
        return self._picture(mean, items)

    def _picture(self, latents, items):
        return self.likelihood.mean(self._decode(latents, items), self.image_shape[-1])

    def _decode(self, latents, items):
        """Likelihood parameters of latents [B, N, L] and items [B, N, D]."""
        code = tf.concat([latents, items], axis=-1)
        return self.decoder(tf.cast(code, self.compute_dtype))

    def _score(self, episode, embeddings, items, seeds, analytic):
        """Likelihood and cost of the latents of each image under A items.

        Args:
          episode: [B, T, H, W, C].
          embeddings: [B, T, E].
          items: float32 [B, T, A, D].
          seeds: int32 [B, 2].
          analytic: KLs in closed form.

        Returns:
          (ln p(x|z, m_a), KL of the latents), each float32 [B, T, A].
        """
        batch, length, count = tf.unstack(tf.shape(items)[:3])
        asking = tf.repeat(
            tf.cast(embeddings, tf.float32)[:, :, tf.newaxis], count, axis=2
        )
        posterior = gaussians.diagonal(
            *self.latent_posterior(tf.concat([asking, items], axis=-1))
        )
        prior = gaussians.diagonal(*self.latent_prior(items))
        latents = gaussians.draw(posterior, seeds, LATENT_SALT)
        parameters = self._decode(
            tf.reshape(latents, [batch, length * count, self.latent_size]),
            tf.reshape(items, [batch, length * count, self.item_size]),
        )
        parameters = tf.reshape(
            parameters, [batch, length, count, *parameters.shape[2:]]
        )
        log_likelihood = self.likelihood.log_prob(parameters, episode[:, :, tf.newaxis])
        return log_likelihood, gaussians.kl(posterior, prior, latents, analytic)

    def get_config(self):
        return {
            **super().get_config(),
            "item_size": self.item_size,
            "latent_size": self.latent_size,
            "key_size": self.key_size,
            "address_samples": self.address_samples,
            "leave_one_out": self.leave_one_out,
            "encoder": self.encoder_config,
            "decoder": self.decoder_config,
        }

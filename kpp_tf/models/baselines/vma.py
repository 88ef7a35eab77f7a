"""VMA: a memory of stored items, read through a categorical address."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.layers.each_frame import padded_if_empty
from kpp_tf.layers.gaussian_head import GaussianHead
from kpp_tf.models import gaussians
from kpp_tf.models.baselines import categorical_address as address
from kpp_tf.models.elbo import Elbo
from kpp_tf.models.memory_model import MemoryModel


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

    The KL of the address is `kl_keys`. Memory grows with the episode: `item_size`
    floats an image.

    The memory holds a `written` image itself, for which a sharp address costs ln T
    nats. For other images only similar ones help, as in the published system, whose
    memory never holds the image that it explains. There, items are the images
    themselves; here, embeddings by the encoder that all models share.

    Reference: Bornschein, Mnih, Zoran, Rezende, "Variational Memory Addressing in
    Generative Models", NeurIPS 2017.

    Args:
      item_size: D, numbers stored of an image.
      latent_size: L.
      key_size: size of the space in which images and items are compared.
      address_samples: 0 sums over addresses, decoding each image once per slot; K >= 2
        draws K addresses and bounds by VIMCO.
      kwargs: see `MemoryModel`. VMA encodes each image by itself: shift="none".
    """

    config_name = "variational_memory_addressing"

    def __init__(
        self,
        *,
        item_size: int,
        latent_size: int,
        key_size: int,
        address_samples: int,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if address_samples < 0 or address_samples == 1:
            raise ValueError(
                "address_samples must be 0 (exact sum) or at least 2 (VIMCO). "
                f"Received: {address_samples}"
            )
        self.item_size = item_size
        self.address_samples = address_samples
        self.item = keras.layers.Dense(item_size, name="item")
        self.addressing = address.VariationalAddressing(key_size, name="addressing")
        self.latent_posterior = GaussianHead(latent_size, name="latent_posterior")
        self.latent_prior = GaussianHead(latent_size, name="latent_prior")

    @property
    def memory_floats(self) -> int:
        return self.episode_length * self.item_size

    def write_embeddings(
        self, embeddings: tf.Tensor, written: tf.Tensor | None
    ) -> StoredItems:
        """`StoredItems` with one slot an image; one blank slot if there is no image."""
        items = tf.cast(self.item(embeddings), tf.float32)
        occupied = tf.ones(tf.shape(items)[:2]) if written is None else written
        items *= occupied[..., tf.newaxis]
        return StoredItems(padded_if_empty(items, 1), padded_if_empty(occupied, 1))

    def elbo(
        self,
        episode: tf.Tensor,
        seeds: tf.Tensor,
        mask: tf.Tensor | None = None,
        written: tf.Tensor | None = None,
        memory: StoredItems | None = None,
        analytic: bool = True,
    ) -> Elbo:
        embeddings, memory = self.embed_and_write(episode, mask, written, memory)
        length = tf.shape(embeddings)[1]
        support = address.support_of(memory.occupied, length)
        log_q = self.addressing(embeddings, memory.items, support)
        log_p = address.uniform_log_prob(support)
        if self.address_samples:
            addresses = _draw(log_q, seeds, self.address_samples)
            items = tf.gather(memory.items, addresses, batch_dims=1)
            log_q = tf.gather(log_q, addresses, batch_dims=2)
            log_p = tf.gather(log_p, addresses, batch_dims=2)
            log_likelihood, ratio = self._score(
                episode, embeddings, items, seeds, analytic=False
            )
            terms = address.vimco_terms(log_q, log_p, log_likelihood, ratio)
        else:
            items = tf.repeat(memory.items[:, tf.newaxis], length, axis=1)
            log_likelihood, kl = self._score(
                episode, embeddings, items, seeds, analytic
            )
            if not analytic:
                # Under this posterior the sum is ln sum_a p(a) w(a), so that
                # exp(-bound) is an importance weight.
                log_q = tf.nn.log_softmax(log_p + log_likelihood - kl)
            terms = address.exact_terms(log_q, log_p, log_likelihood, kl)
        return Elbo.masked(mask, *terms)

    def generate(
        self,
        memory: StoredItems,
        num_samples: int,
        seeds: tf.Tensor,
        temperature: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """See `MemoryModel`; the temperature acts on latents, not on the address."""
        seeds = self.check_draws(memory, num_samples, seeds)
        support = address.support_of(memory.occupied, num_samples)
        addresses = _draw(address.uniform_log_prob(support), seeds, 1)[..., 0]
        items = tf.gather(memory.items, addresses, batch_dims=1)
        prior = gaussians.diagonal(*self.latent_prior(items))
        latents = gaussians.draw(prior, seeds, noise.Stream.LATENTS, temperature)
        return self.picture(tf.concat([latents, items], axis=-1))

    def reconstruct(
        self,
        memory: StoredItems,
        queries: tf.Tensor,
        seeds: tf.Tensor,
        mask: tf.Tensor | None = None,
    ) -> tf.Tensor:
        log_q = self._address_posterior(memory, queries, mask)
        return self._read(memory, _draw(log_q, seeds, 1)[..., 0])

    def refine(self, memory: StoredItems, images: tf.Tensor) -> tf.Tensor:
        log_q = self._address_posterior(memory, images, mask=None)
        return self._read(memory, tf.argmax(log_q, axis=-1, output_type=tf.int32))

    def _address_posterior(
        self, memory: StoredItems, queries: tf.Tensor, mask: tf.Tensor | None
    ) -> tf.Tensor:
        """ln q(a|x, M), float32 [B, T, S]."""
        embeddings = self.embed_queries(memory, queries, mask)
        support = address.support_of(memory.occupied, tf.shape(embeddings)[1])
        return self.addressing(embeddings, memory.items, support)

    def _read(self, memory: StoredItems, addresses: tf.Tensor) -> tf.Tensor:
        """Mean images at the mean of p(z|m_a), for addresses [B, T]."""
        items = tf.gather(memory.items, addresses, batch_dims=1)
        mean, _ = self.latent_prior(items)
        return self.picture(tf.concat([mean, items], axis=-1))

    def _score(
        self,
        episode: tf.Tensor,
        embeddings: tf.Tensor,
        items: tf.Tensor,
        seeds: tf.Tensor,
        analytic: bool,
    ) -> tuple[tf.Tensor, tf.Tensor]:
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
        latents = gaussians.draw(posterior, seeds, noise.Stream.LATENTS)
        code = tf.concat([latents, items], axis=-1)
        parameters = self.decode(
            tf.reshape(code, [batch, length * count, code.shape[-1]])
        )
        parameters = tf.reshape(
            parameters, [batch, length, count, *parameters.shape[2:]]
        )
        log_likelihood = self.likelihood.log_prob(parameters, episode[:, :, tf.newaxis])
        return log_likelihood, gaussians.kl(posterior, prior, latents, analytic)


def _draw(log_q: tf.Tensor, seeds: tf.Tensor, count: int) -> tf.Tensor:
    """`count` addresses for each query, int32 [B, T, count], from ln q(a) [B, T, S]."""
    seeds = noise.checked(seeds, log_q.shape[0])
    uniforms = noise.uniform(seeds, (tf.shape(log_q)[1], count), noise.Stream.KEYS)
    return address.sample_addresses(log_q, uniforms)

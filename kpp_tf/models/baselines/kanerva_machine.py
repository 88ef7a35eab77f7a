"""KM: a Gaussian memory, addressed through a table of keys.

Reference:
  [1] Wu, Wayne, Graves, Lillicrap. The Kanerva Machine: A Generative Distributed
      Memory. ICLR 2018. arXiv:1804.01756.
"""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kpp_tf import noise
from kpp_tf.layers.gaussian_head import GaussianHead
from kpp_tf.models import gaussians
from kpp_tf.models.baselines.gaussian_memory import (
    GaussianMemoryLayer,
    GaussianMemoryModel,
)
from kpp_tf.models.baselines.linear_gaussian import GaussianMemory
from kpp_tf.models.elbo import Elbo


class KanervaMachineMemory(GaussianMemoryLayer):
    """Linear-Gaussian memory addressed through a table of keys [1].

        y_t ~ N(0, I)                    key
        w_t = A b(y_t)                   weights, no softmax; rows of A have length 1
        M   ~ MN(R0, U0, I)              memory
        z_t ~ N(M^T w_t, sigma^2 I)      code: the prior p(z | y, M) of a latent

    b is a perceptron of one hidden layer. Weights follow from keys alone, so that the
    posterior of M given all keys and codes of an episode has a closed form: the write.

    Args:
      slots, code_size, noise_scale, prior_scale: see `GaussianMemoryLayer`.
      address_size: columns of the key table A.
      **kwargs: passed to `keras.layers.Layer`.
    """

    def __init__(
        self,
        slots: int,
        code_size: int,
        address_size: int,
        noise_scale: float,
        prior_scale: float,
        **kwargs: Any,
    ):
        super().__init__(slots, code_size, noise_scale, prior_scale, **kwargs)
        self._table = self.add_weight(
            shape=(slots, address_size),
            initializer="random_normal",
            autocast=False,
            name="table",
        )
        self.hidden = keras.layers.Dense(
            128, activation="relu", dtype="float32", name="hidden"
        )
        self.project = keras.layers.Dense(address_size, dtype="float32", name="project")

    def weights_of(self, keys: tf.Tensor) -> tf.Tensor:
        """Weights w = A b(y).

        Args:
          keys: y, float32 [B, T, K].

        Returns:
          float32 [B, T, S].
        """
        table = tf.math.l2_normalize(tf.convert_to_tensor(self._table), axis=-1)
        address = self.project(self.hidden(keys))
        return tf.einsum("bta,sa->bts", address, table)

    def read(self, matrix: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
        """Mean of p(z | y, M): M^T w(y).

        Args:
          matrix: M, a sample or the mean of the memory, float32 [B, S, D].
          keys: float32 [B, T, K].

        Returns:
          float32 [B, T, D].
        """
        return tf.matmul(self.weights_of(keys), matrix)

    def call(
        self, keys: tf.Tensor, codes: tf.Tensor, frame_mask: tf.Tensor | None = None
    ) -> GaussianMemory:
        """Writes an episode by Bayes' rule: p(M | keys, codes).

        Args:
          keys: float32 [B, T, K].
          codes: float32 [B, T, D].
          frame_mask: float32 [B, T], 1 for a real frame, 0 for padding. None: all real.
        """
        return self.write_batch(self.weights_of(keys), codes, frame_mask)


@keras.saving.register_keras_serializable(package="kpp_tf")
class KanervaMachine(GaussianMemoryModel):
    """The Kanerva Machine [1].

    Write:    e_t = f_enc(X)_t;  q(M|X) = p(M | keys, codes) by Bayes' rule, with the
              means of q(y_t|x_t) as keys and a linear map of e_t as codes.
    Generate: M ~ p(M),  y_t ~ p(y) = N(0, I),  z_t ~ p(z|y, M) = N(M^T w(y), sigma^2),
              x_t ~ p(x|z).
    Infer:    q(y_t|x_t);  q(z_t|x_t, y_t, M), whose mean is the top-down reading
              M^T w(y) plus a correction that is computed from it and from e_t.
    Bound:    E_q { ln p(x|z) - KL[q(z|x, y, M) || p(z|y, M)] } - KL[q(y|x) || p(y)]
              <=  E_q(M|X) ln p(X|M).

    As in the source, M conditions the likelihood and its KL is not counted, unless
    `memory_kl` is set. Any q(M|X) is admissible; the source draws the keys and codes
    that it writes, here they are means, because a write takes no seed.

    What to expect: 56 nats an image on binarized MNIST after 3,000 steps of 256 images
    that were all written, 22 nats of it for the key and none for the latents. Trained
    with unseen images among them, it stores at 99 nats (docs/experiments.md,
    "Baselines").

    The published sizes differ; these are ours.

    Args:
      slots: S, rows of the memory and of the key table.
      code_size: D, columns of the memory and size of z.
      key_size: of y.
      address_size: columns of the key table.
      prior_scale: see `KanervaMachineMemory`.
      kwargs: see `GaussianMemoryModel`. A KM sees each image by itself: shift="none".
    """

    config_name = "kanerva_machine"

    def __init__(
        self,
        *,
        slots: int,
        code_size: int,
        key_size: int,
        address_size: int,
        prior_scale: float,
        **kwargs: Any,
    ):
        memory = KanervaMachineMemory(
            slots, code_size, address_size, 1.0, prior_scale, name="memory"
        )
        super().__init__(memory=memory, **kwargs)
        self.key_size = key_size
        self.code = keras.layers.Dense(self.cell_size, name="code")
        self.key_head = GaussianHead(key_size, initial_stddev=0.1, name="key_head")
        self.correction = GaussianHead(self.cell_size, name="correction")

    def write_embeddings(
        self, embeddings: tf.Tensor, written: tf.Tensor | None
    ) -> GaussianMemory:
        """The posterior q(M|X), a `GaussianMemory`."""
        keys, _ = self.key_head(self.row(embeddings))
        codes = self.row(tf.cast(self.code(embeddings), tf.float32))
        return self.memory(keys, codes, frame_mask=written)

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
        key_posterior = gaussians.diagonal(*self.key_head(self.row(embeddings)))
        matrix = self.draw_memory(memory, seeds) if analytic else memory.mean
        keys = gaussians.draw(key_posterior, seeds, noise.Stream.KEYS)
        top_down = self.memory.read(matrix, keys)
        prior = self._latent_prior(top_down)
        bottom_up = tf.cast(embeddings, tf.float32)
        both = tf.concat([bottom_up, self.as_map(top_down)], axis=-1)
        change, stddev = map(self.row, self.correction(both))
        posterior = gaussians.diagonal(top_down + change, stddev)
        latents = gaussians.draw(posterior, seeds, noise.Stream.LATENTS)
        log_likelihood = self.likelihood.log_prob(self.decode(latents), episode)
        kl_latents = gaussians.kl(posterior, prior, latents, analytic)
        key_prior = gaussians.standard(self.key_size)
        kl_keys = gaussians.kl(key_posterior, key_prior, keys, analytic)
        kl_memory = self.kl_per_image(memory, episode, mask)
        return Elbo.masked(mask, log_likelihood, kl_latents, kl_keys, kl_memory)

    def generate(
        self,
        memory: GaussianMemory,
        num_samples: int,
        seeds: tf.Tensor,
        temperature: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """See `MemoryModel`; M is drawn once an episode, y and z once an image."""
        seeds = self.check_draws(memory, num_samples, seeds)
        matrix = self.draw_memory(memory, seeds, temperature)
        drawn = noise.normal(seeds, (num_samples, self.key_size), noise.Stream.KEYS)
        keys = gaussians.tempered(drawn, temperature)
        prior = self._latent_prior(self.memory.read(matrix, keys))
        return self.picture(
            gaussians.draw(prior, seeds, noise.Stream.LATENTS, temperature)
        )

    def reconstruct(
        self,
        memory: GaussianMemory,
        queries: tf.Tensor,
        seeds: tf.Tensor,
        mask: tf.Tensor | None = None,
    ) -> tf.Tensor:
        posterior = self.key_head(self.row(self.embed_queries(memory, queries, mask)))
        keys = gaussians.draw(gaussians.diagonal(*posterior), seeds, noise.Stream.KEYS)
        return self.picture(self.memory.read(memory.mean, keys))

    def refine(self, memory: GaussianMemory, images: tf.Tensor) -> tf.Tensor:
        keys, _ = self.key_head(self.row(self.embed_queries(memory, images)))
        return self.picture(self.memory.read(memory.mean, keys))

    def _latent_prior(self, top_down: tf.Tensor) -> tfd.MultivariateNormalDiag:
        stddev = tf.sqrt(self.memory.noise_variance) * tf.ones_like(top_down)
        return gaussians.diagonal(top_down, stddev)

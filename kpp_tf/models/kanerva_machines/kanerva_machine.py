"""KM: a Gaussian memory, addressed through a key table."""

import keras
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.layers.gaussian_head import GaussianHead
from kpp_tf.models import gaussians
from kpp_tf.models.elbo import Elbo
from kpp_tf.models.kanerva_machines.gaussian_memory_model import GaussianMemoryModel
from kpp_tf.models.kanerva_machines.kanerva_machine_memory import KanervaMachineMemory


@keras.saving.register_keras_serializable(package="kpp_tf")
class KanervaMachine(GaussianMemoryModel):
    """The Kanerva Machine.

    Write:    e_t = f_enc(X)_t;  q(M|X) = p(M | keys, codes) by Bayes' rule, with the
              means of q(y_t|x_t) as keys and a linear map of e_t as codes.
    Generate: M ~ p(M),  y_t ~ p(y) = N(0, I),  z_t ~ p(z|y, M) = N(M^T w(y), sigma^2),
              x_t ~ p(x|z).
    Infer:    q(y_t|x_t);  q(z_t|x_t, y_t, M), whose mean is the top-down reading
              M^T w(y) plus a correction that is computed from it and from e_t.
    Bound:    E_q { ln p(x|z) - KL[q(z|x, y, M) || p(z|y, M)] } - KL[q(y|x) || p(y)]
              <=  E_q(M|X) ln p(X|M).

    As in the source, M conditions the likelihood and its KL is not counted, unless
    `memory_kl` asks for it. Any q(M|X) is admissible; the source draws the keys and
    codes that it writes, here they are means, as a write takes no seed.

    What to expect: 56 nats an image on binarized MNIST after 3,000 steps of 256 images
    that were all written, 22 of them for the key and none for the latents. Trained with
    unseen images among them it stores at 99 (docs/experiments.md, "Baselines").

    Reference: Wu, Wayne, Graves, Lillicrap, "The Kanerva Machine: A Generative
    Distributed Memory", ICLR 2018, arXiv:1804.01756. The sizes here are ours.

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
        **kwargs,
    ):
        memory = KanervaMachineMemory(
            slots, code_size, address_size, prior_scale=prior_scale, name="memory"
        )
        super().__init__(memory=memory, **kwargs)
        self.key_size = key_size
        self.code = keras.layers.Dense(self.cell_size, name="code")
        self.key_head = GaussianHead(key_size, initial_stddev=0.1, name="key_head")
        self.correction = GaussianHead(self.cell_size, name="correction")

    def write_embeddings(self, embeddings, written):
        """The posterior q(M|X), a `GaussianMemory`."""
        keys, _ = self.key_head(self.row(embeddings))
        codes = self.row(tf.cast(self.code(embeddings), tf.float32))
        return self.memory(keys, codes, frame_mask=written)

    def elbo(self, episode, seeds, mask=None, written=None, memory=None, analytic=True):
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

    def generate(self, memory, num_samples, seeds, temperature=None):
        """See `MemoryModel`; M is drawn once an episode, y and z once an image."""
        matrix = self.draw_memory(memory, seeds, temperature)
        drawn = noise.normal(seeds, (num_samples, self.key_size), noise.Stream.KEYS)
        keys = gaussians.tempered(drawn, temperature)
        prior = self._latent_prior(self.memory.read(matrix, keys))
        return self.picture(
            gaussians.draw(prior, seeds, noise.Stream.LATENTS, temperature)
        )

    def reconstruct(self, memory, queries, seeds, mask=None):
        posterior = self.key_head(self.row(self.embed(queries, mask)))
        keys = gaussians.draw(gaussians.diagonal(*posterior), seeds, noise.Stream.KEYS)
        return self.picture(self.memory.read(memory.mean, keys))

    def refine(self, memory, images):
        keys, _ = self.key_head(self.row(self.embed(images)))
        return self.picture(self.memory.read(memory.mean, keys))

    def _latent_prior(self, top_down):
        stddev = tf.sqrt(self.memory.noise_variance) * tf.ones_like(top_down)
        return gaussians.diagonal(top_down, stddev)

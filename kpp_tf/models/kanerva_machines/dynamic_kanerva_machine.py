"""DKM: a Gaussian memory, addressed by least squares and read by attraction."""

import keras
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.models import gaussians
from kpp_tf.models.elbo import Elbo
from kpp_tf.models.kanerva_machines.dynamic_kanerva_memory import DynamicKanervaMemory
from kpp_tf.models.kanerva_machines.gaussian_memory_model import GaussianMemoryModel


@keras.saving.register_keras_serializable(package="kpp_tf")
class DynamicKanervaMachine(GaussianMemoryModel):
    """The Dynamic Kanerva Machine; with a shifting encoder, "DKM with TSM".

    Write:    e_t = f_enc(X)_t;  q(M|X), the posterior of M given codes e and the
              weights that they are addressed with (see `DynamicKanervaMemory`).
    Generate: M ~ p(M),  w_t ~ p(w) = N(0, I),  x_t ~ p(x | M^T w_t).
    Infer:    q(w_t|X, M) = N(argmin_w |e_t - M^T w|^2 + sigma^2 |w|^2, sigma_w^2 I).
    Bound:    E_q(M|X) { E_q(w) ln p(x_t | M^T w) - KL[q(w_t|X, M) || p(w)] }
              <=  E_q(M|X) ln p(x_t|M).

    `elbo` draws one M from q(M|X) an episode and infers weights given that M, so that
    the bound holds whatever wrote the memory. The KL of the weights is `kl_keys`; there
    are no other latents. With `memory_kl` the objective is that of the source.

    The published objective adds the log-likelihood of an autoencoder, so that decoder
    and encoder agree. Here gradients reach the encoder through the least squares; the
    objective is the bound alone. The noise sigma, fixed there, is learned here.

    Reference: Wu, Wayne, Gregor, Lillicrap, "Learning Attractor Dynamics for
    Generative Memory", NeurIPS 2018, arXiv:1811.09556 (32 slots of 100 numbers).

    Args:
      slots, code_size, write_form, write_passes, prior_scale, noise_scale,
        weight_scale: see `DynamicKanervaMemory`.
      kwargs: see `GaussianMemoryModel`. An encoder with shift="none" makes it DKM, one
        with "bidirectional" DKM with TSM.
    """

    config_name = "dynamic_kanerva_machine"

    def __init__(
        self,
        *,
        slots: int,
        code_size: int,
        write_form: str,
        write_passes: int,
        prior_scale: float,
        noise_scale: float = 1.0,  # as configs without it mean
        weight_scale: float = 0.3,  # the same
        **kwargs,
    ):
        memory = DynamicKanervaMemory(
            slots,
            code_size,
            write_form,
            write_passes,
            noise_scale,
            prior_scale,
            weight_scale,
            name="memory",
        )
        super().__init__(memory=memory, **kwargs)
        self.code = keras.layers.Dense(self.cell_size, name="code")

    def write_embeddings(self, embeddings, written):
        """The posterior q(M|X), a `GaussianMemory`."""
        return self.memory(self._codes(embeddings), frame_mask=written)

    def elbo(self, episode, seeds, mask=None, written=None, memory=None, analytic=True):
        embeddings, memory = self.embed_and_write(episode, mask, written, memory)
        matrix = self.draw_memory(memory, seeds) if analytic else memory.mean
        posterior = self._weights(matrix, self._codes(embeddings))
        weights = gaussians.draw(posterior, seeds, noise.Stream.KEYS)
        parameters = self.decode(tf.matmul(weights, matrix))
        log_likelihood = self.likelihood.log_prob(parameters, episode)
        prior = gaussians.standard(self.memory.slots)
        kl_keys = gaussians.kl(posterior, prior, weights, analytic)
        kl_memory = self.kl_per_image(memory, episode, mask)
        return Elbo.masked(mask, log_likelihood, kl_keys=kl_keys, kl_memory=kl_memory)

    def generate(self, memory, num_samples, seeds, temperature=None):
        """See `MemoryModel`; M is drawn once an episode, weights once an image."""
        matrix = self.draw_memory(memory, seeds, temperature)
        drawn = noise.normal(seeds, (num_samples, self.memory.slots), noise.Stream.KEYS)
        weights = gaussians.tempered(drawn, temperature)
        return self.picture(tf.matmul(weights, matrix))

    def reconstruct(self, memory, queries, seeds, mask=None):
        posterior = self._weights(memory.mean, self._codes(self.embed(queries, mask)))
        weights = gaussians.draw(posterior, seeds, noise.Stream.KEYS)
        return self.picture(tf.matmul(weights, memory.mean))

    def refine(self, memory, images):
        """One step of the attractor dynamics: encode, address, read, decode."""
        read = self.memory.read(memory.mean, self._codes(self.embed(images)))
        return self.picture(read)

    def _codes(self, embeddings):
        return self.row(tf.cast(self.code(embeddings), tf.float32))

    def _weights(self, matrix, codes):
        mean = self.memory.address(matrix, codes)
        return gaussians.diagonal(mean, self.memory.weight_scale * tf.ones_like(mean))

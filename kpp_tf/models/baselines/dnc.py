"""DNC as a generative memory: written step by step, read at keys from a prior."""

import functools
from typing import Any

import keras
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.layers.gaussian_head import GaussianHead
from kpp_tf.models import gaussians
from kpp_tf.models.baselines.dnc_memory import (
    DifferentiableNeuralComputer,
    WrittenMemory,
)
from kpp_tf.models.elbo import Elbo
from kpp_tf.models.frames import any_length
from kpp_tf.models.memory_model import MemoryModel


@keras.saving.register_keras_serializable(package="kpp_tf")
class GenerativeDNC(MemoryModel):
    """A differentiable neural computer that generates.

    Write:    E = f_enc(X); the DNC is fed e_1, ..., e_T and keeps slots and links M.
    Generate: y ~ p(y) = N(0, I),  r = read(M, y),  z ~ p(z|r),  x ~ p(x|z, r).
    Infer:    q(y|x) and q(z|x), Gaussian.
    Bound:    E_q ln p(x|z, r) - E_q KL[q(z|x) || p(z|r)] - KL[q(y|x) || p(y)]
              <= ln p(x|M).

    A DNC alone has no distribution to sample from. As in the comparison by the Kanerva
    Machine's authors, it gets the encoder and decoder of the other models, writes
    before it reads, and feeds the decoder through a latent variable; a key with a prior
    takes the place of their address. The memory is deterministic and has no KL.

    What to expect: the keys collapse (KL 0.01) and the latents carry all information,
    so that the memory helps little (docs/experiments.md, "Baselines"). With 2 latents
    and 4 key numbers, in smaller networks on glyphs, keys stayed in use (KL 4.6, 142
    nats), but more as latents than as addresses.

    References:
      * Graves et al., "Hybrid computing using a neural network with dynamic external
        memory", Nature 538, 2016.
      * Wu, Wayne, Graves, Lillicrap, "The Kanerva Machine: A Generative Distributed
        Memory", ICLR 2018.

    Args:
      num_slots, slot_size, num_read_heads, controller_size, read_steps: see
        `DifferentiableNeuralComputer`.
      input_size: numbers that the DNC receives at a step.
      key_size: of y.
      latent_size: L.
      kwargs: see `MemoryModel`. A DNC reads frames one by one: shift="none".
    """

    config_name = "differentiable_neural_computer"

    def __init__(
        self,
        *,
        num_slots: int,
        slot_size: int,
        num_read_heads: int,
        controller_size: int,
        read_steps: int,
        input_size: int,
        key_size: int,
        latent_size: int,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.key_size = key_size
        self.computer = DifferentiableNeuralComputer(
            num_slots,
            slot_size,
            num_read_heads,
            controller_size,
            read_steps,
            name="computer",
        )
        self.write_input = keras.layers.Dense(input_size, name="write_input")
        self.query_input = keras.layers.Dense(input_size, name="query_input")
        self.key_head = GaussianHead(key_size, initial_stddev=0.1, name="key_head")
        self.latent_posterior = GaussianHead(latent_size, name="latent_posterior")
        self.latent_prior = GaussianHead(latent_size, name="latent_prior")

    @property
    def memory_floats(self) -> int:
        slots = self.computer.num_slots
        return slots * self.computer.slot_size + slots * slots

    def write_embeddings(
        self, embeddings: tf.Tensor, written: tf.Tensor | None
    ) -> WrittenMemory:
        """Writes frame by frame: slots [B, N, W] and links [B, N, N]."""
        return self.computer(self.write_input(embeddings), written)

    def elbo(
        self,
        episode: tf.Tensor,
        seeds: tf.Tensor,
        mask: tf.Tensor | None = None,
        written: tf.Tensor | None = None,
        memory: WrittenMemory | None = None,
        analytic: bool = True,
    ) -> Elbo:
        embeddings, memory = self.embed_and_write(episode, mask, written, memory)
        key_posterior = gaussians.diagonal(*self.key_head(embeddings))
        keys = gaussians.draw(key_posterior, seeds, noise.Stream.KEYS)
        reads = self._read(memory, keys)
        posterior = gaussians.diagonal(*self.latent_posterior(embeddings))
        latents = gaussians.draw(posterior, seeds, noise.Stream.LATENTS)
        prior = gaussians.diagonal(*self.latent_prior(reads))
        parameters = self.decode(tf.concat([latents, reads], axis=-1))
        log_likelihood = self.likelihood.log_prob(parameters, episode)
        kl_latents = gaussians.kl(posterior, prior, latents, analytic)
        kl_keys = gaussians.kl(
            key_posterior, gaussians.standard(self.key_size), keys, analytic
        )
        return Elbo.masked(mask, log_likelihood, kl_latents, kl_keys)

    def generate(
        self,
        memory: WrittenMemory,
        num_samples: int,
        seeds: tf.Tensor,
        temperature: tf.Tensor | None = None,
    ) -> tf.Tensor:
        seeds = self.check_draws(memory, num_samples, seeds)
        keys = noise.normal(seeds, (num_samples, self.key_size), noise.Stream.KEYS)
        reads = self._read(memory, gaussians.tempered(keys, temperature))
        prior = gaussians.diagonal(*self.latent_prior(reads))
        latents = gaussians.draw(prior, seeds, noise.Stream.LATENTS, temperature)
        return self.picture(tf.concat([latents, reads], axis=-1))

    def reconstruct(
        self,
        memory: WrittenMemory,
        queries: tf.Tensor,
        seeds: tf.Tensor,
        mask: tf.Tensor | None = None,
    ) -> tf.Tensor:
        embeddings = self.embed_queries(memory, queries, mask)
        posterior = gaussians.diagonal(*self.key_head(embeddings))
        return self._likeliest(
            memory, gaussians.draw(posterior, seeds, noise.Stream.KEYS)
        )

    def refine(self, memory: WrittenMemory, images: tf.Tensor) -> tf.Tensor:
        mean, _ = self.key_head(self.embed_queries(memory, images))
        return self._likeliest(memory, mean)

    def _read(self, memory: WrittenMemory, keys: tf.Tensor) -> tf.Tensor:
        """Reads float32 [B, N, R * W] at keys [B, N, key_size]."""
        read = functools.partial(self.computer.read, memory)
        return any_length(read, self.query_input(keys))

    def _likeliest(self, memory: WrittenMemory, keys: tf.Tensor) -> tf.Tensor:
        """Mean images at the mean of p(z|r)."""
        reads = self._read(memory, keys)
        mean, _ = self.latent_prior(reads)
        return self.picture(tf.concat([mean, reads], axis=-1))

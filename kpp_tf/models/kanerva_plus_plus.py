"""Kanerva++: a deterministic memory of blocks, indexed by keys in R^3."""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.errors import UserError
from kpp_tf.layers.allocator import Allocator
from kpp_tf.layers.block_reader import BlockReader
from kpp_tf.layers.gaussian_head import GaussianHead
from kpp_tf.layers.memory_writers import AllocatedWriter, PooledWriter
from kpp_tf.layers.nearest_slots import nearest_slots
from kpp_tf.models import gaussians, key_posteriors
from kpp_tf.models.memory_model import Elbo, MemoryModel

WRITERS = ("allocated", "pooled")
# At the start the scale of a key is drawn from its prior, or nearly: a box that fills
# the prior to its edges would learn no more.
SCALE_STDDEV = {"gaussian": 1.0, "box": 0.9 * key_posteriors.EVEN_STDDEV}


class Reading(NamedTuple):
    """What is read at keys: blocks [B, T, K, P, P, D] and the code of p(Z|M-hat)."""

    blocks: tf.Tensor
    code: tf.Tensor


@keras.saving.register_keras_serializable(package="kpp_tf")
class KanervaPlusPlus(MemoryModel):
    """K++.

    Write:    E = f_enc(X),  q(Y|X) from E,  M = f_mem(E).
    Generate: y ~ N(0, I),  M-hat = {f_ST(M, y_k)},  z ~ p(Z|M-hat),  x ~ p(X|Z, M-hat).
    Bound:    E_q[ln p(X|Z, M-hat)] - E_q KL[q(Z|X) || p(Z|M-hat)] - KL[q(Y|X) || p(Y)].

    The memory is deterministic, so it has no KL; it is written from the very images
    that are scored. The keys enter the decoder through the blocks that they read.

    Reference: Ramapuram, Wu, Kalousis, "Kanerva++: extending the Kanerva machine with
    differentiable, locally block allocated latent memory", ICLR 2021. The source does
    not state the memory's shape, K, the latent's size or the networks: they are ours.

    Args:
      image_shape, likelihood, episode_length, decoder: see `MemoryModel`.
      memory_size: S, cells along a side of the memory.
      memory_depth: D, numbers in a cell.
      block_size: P, cells along a side of a block.
      blocks_per_frame: K, blocks that make one image.
      latent_size: L.
      writer: "allocated" (each frame has its place) or "pooled" (one vector an
        episode, upsampled; keys chosen by content alone).
      sharpness, scale_gain: of the reader; see `block_weights`.
      key_posterior: family of q(Y|X), "gaussian" (the source's) or "box"; see
        `kpp_tf.models.key_posteriors`.
      key_stddev: initial standard deviation of a key's place.
      key_spread: `spread` of the `Allocator`; 1 but in a model that was `resized`.
      decode_blocks: whether the decoder sees the blocks, or the latent alone.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (28, 28, 1),
        likelihood: str = "bernoulli",
        episode_length: int = 32,
        memory_size: int = 6,
        memory_depth: int = 88,
        block_size: int = 1,
        blocks_per_frame: int = 1,
        latent_size: int = 16,
        writer: str = "allocated",
        sharpness: float = 1.0,
        scale_gain: float = 0.25,
        key_posterior: str = "gaussian",
        key_stddev: float = 0.02,
        key_spread: float = 1.0,
        decode_blocks: bool = True,
        encoder: dict | None = None,
        decoder: dict | None = None,
        **kwargs,
    ):
        super().__init__(
            image_shape,
            likelihood,
            episode_length,
            encoder or {},
            decoder or {},
            **kwargs,
        )
        if writer not in WRITERS:
            raise ValueError(f"writer must be one of {WRITERS}. Received: {writer!r}")
        if key_posterior not in key_posteriors.FAMILIES:
            raise ValueError(
                f"key_posterior must be one of {key_posteriors.FAMILIES}. Received: "
                f"{key_posterior!r}"
            )
        self.memory_size = memory_size
        self.memory_depth = memory_depth
        self.block_size = block_size
        self.blocks_per_frame = blocks_per_frame
        self.latent_size = latent_size
        self.writer_name = writer
        self.sharpness = sharpness
        self.scale_gain = scale_gain
        self.key_family = key_posterior
        self.key_stddev = key_stddev
        self.key_spread = key_spread
        self.decode_blocks = decode_blocks
        self.reader = BlockReader(
            memory_size, block_size, sharpness, scale_gain, name="reader"
        )
        if writer == "allocated":
            self.allocator = Allocator(
                memory_size,
                block_size,
                blocks_per_frame,
                initial_stddev=key_stddev,
                initial_scale_stddev=SCALE_STDDEV[key_posterior],
                spread=key_spread,
                name="allocator",
            )
            self.writer = AllocatedWriter(
                self.reader, memory_depth, blocks_per_frame, name="writer"
            )
        else:
            self.key_head = GaussianHead(
                3 * blocks_per_frame, initial_stddev=key_stddev, name="key_head"
            )
            self.writer = PooledWriter(memory_size, memory_depth, name="writer")
        self.latent_posterior = GaussianHead(latent_size, name="latent_posterior")
        self.latent_prior = GaussianHead(latent_size, name="latent_prior")

    @property
    def memory_floats(self) -> int:
        return self.memory_size**2 * self.memory_depth

    def resized(self, memory_size: int) -> "KanervaPlusPlus":
        """A copy of this model with another size of memory, and the same weights.

        With the allocated writer no network knows S: a longer episode can have a slot
        for each of its frames, a shorter one a smaller memory. The slots lie where the
        new blocks do (`Allocator.take_displacement`); a key keeps its spread in cells.

        Args:
          memory_size: S' of the copy.

        Raises:
          ValueError: with the pooled writer, whose weights are made for one S, or
            where S' is smaller than a block.
        """
        if self.writer_name == "pooled":
            raise ValueError(
                "a model with the pooled writer has weights for one memory_size alone, "
                f"{self.memory_size}. Received: memory_size={memory_size}"
            )
        if memory_size < self.block_size:
            raise ValueError(
                f"memory_size must be at least block_size, {self.block_size}. "
                f"Received: memory_size={memory_size}"
            )
        config = self.get_config()
        config["memory_size"] = memory_size
        config["key_spread"] = self.key_spread * self.memory_size / memory_size
        copy = type(self).from_config(config)
        copy.build_from_shapes()
        for ours, theirs in zip(self.weights, copy.weights, strict=True):
            if theirs.shape == ours.shape:
                theirs.assign(ours)
        if memory_size != self.memory_size:
            copy.allocator.take_displacement(self.allocator)
        return copy

    def write(self, episode, mask=None, written=None):
        """Writes an episode into its memory M: [B, S, S, D]."""
        _refuse(written)
        return self._write(self._embed(episode, mask), mask)

    def elbo(self, episode, seeds, mask=None, written=None, memory=None, analytic=True):
        _refuse(written)
        embeddings = self._embed(episode, mask)
        if memory is None:
            memory = self._write(embeddings, mask)
        key_posterior = self._key_posterior(embeddings)
        keys = key_posteriors.draw(key_posterior, seeds, noise.Stream.KEYS)
        reading = self.read(memory, keys)
        latent_posterior = gaussians.diagonal(*self.latent_posterior(embeddings))
        latents = gaussians.draw(latent_posterior, seeds, noise.Stream.LATENTS)
        latent_prior = gaussians.diagonal(*self.latent_prior(reading.code))
        parameters = self.decode_reading(latents, reading.blocks)
        log_likelihood = self.likelihood.log_prob(parameters, episode)
        kl_keys = tf.reduce_sum(
            key_posteriors.kl(key_posterior, keys, analytic), axis=-1
        )
        kl_latents = gaussians.kl(latent_posterior, latent_prior, latents, analytic)
        return Elbo.masked(mask, log_likelihood, kl_latents, kl_keys)

    def training_terms(self, episode, seeds, mask=None, written=None):
        """Every frame is written, as `elbo` has it, whatever training draws."""
        return super().training_terms(episode, seeds, mask)

    def generate(self, memory, num_samples, seeds, temperature=None):
        keys = self.draw_keys(num_samples, seeds, temperature)
        return self.generate_from_keys(memory, keys, seeds, temperature)

    def draw_keys(
        self, num_samples: int, seeds: tf.Tensor, temperature: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Keys from the prior p(Y) = N(0, I): float32 [B, N, K, 3]."""
        shape = (num_samples, self.blocks_per_frame, 3)
        return gaussians.tempered(
            noise.normal(seeds, shape, noise.Stream.KEYS), temperature
        )

    def generate_from_keys(
        self,
        memory: tf.Tensor,
        keys: tf.Tensor,
        seeds: tf.Tensor | None = None,
        temperature: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Images at given keys; the 3-number index of the paper.

        Args:
          memory: [B, S, S, D].
          keys: [B, N, K, 3].
          seeds: int32 [B, 2] for the latents; None takes the mean of p(Z|M-hat).
          temperature: [B].

        Returns:
          Mean images in [0, 1]: float32 [B, N, H, W, C].
        """
        reading = self.read(memory, keys)
        mean, stddev = self.latent_prior(reading.code)
        if seeds is not None:
            shape = (tf.shape(keys)[1], self.latent_size)
            drawn = noise.normal(seeds, shape, noise.Stream.LATENTS)
            mean += stddev * gaussians.tempered(drawn, temperature)
        parameters = self.decode_reading(mean, reading.blocks)
        return self.likelihood.mean(parameters, self.image_shape[-1])

    def reconstruct(self, memory, queries, seeds, mask=None):
        keys = self.infer_keys(memory, queries, seeds, mask)
        return self.generate_from_keys(memory, keys)

    def refine(self, memory, images):
        keys = self.infer_keys(memory, images)
        return self.generate_from_keys(memory, keys)

    def infer_keys(
        self,
        memory: tf.Tensor,
        queries: tf.Tensor,
        seeds: tf.Tensor | None = None,
        mask: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Keys at which `memory` holds what resembles `queries` most.

        With the pooled writer these are the keys of q(Y|X), a function of the content.
        The allocated writer places a frame by its turn, which says nothing of a query:
        there each query's blocks F are compared with what is stored at every slot that
        was written, and the key is the place of the nearest (squared distance).

        Args:
          memory: [B, S, S, D].
          queries: [B, T, H, W, C] in [0, 1].
          seeds: int32 [B, 2] to draw the keys; None takes their means.
          mask: [B, T].

        Returns:
          float32 [B, T, K, 3].
        """
        embeddings = self._embed(queries, mask)
        mean, stddev = self._key_parameters(embeddings)
        if self.writer_name == "allocated":
            mean = self._nearest_slots(memory, self.writer.contents(embeddings))
        if seeds is None:
            return mean
        posterior = key_posteriors.key_posterior(self.key_family, mean, stddev)
        return key_posteriors.draw(posterior, seeds, noise.Stream.KEYS)

    def read(self, memory: tf.Tensor, keys: tf.Tensor) -> Reading:
        """Reads K blocks a key: see `Reading`."""
        blocks = self.reader(memory, keys)
        batch, length = tf.unstack(tf.shape(keys)[:2])
        size = self.blocks_per_frame * self.block_size**2 * self.memory_depth
        return Reading(blocks, tf.reshape(blocks, [batch, length, size]))

    def decode_reading(self, latents: tf.Tensor, blocks: tf.Tensor) -> tf.Tensor:
        """Likelihood parameters [B, T, H, W, .] of latents [B, T, L] and blocks."""
        code = tf.cast(latents, self.compute_dtype)
        if self.decode_blocks:
            batch, length = tf.unstack(tf.shape(latents)[:2])
            size = self.blocks_per_frame * self.block_size**2 * self.memory_depth
            flat = tf.reshape(blocks, [batch, length, size])
            code = tf.concat([code, tf.cast(flat, code.dtype)], axis=-1)
        return self.decoder(code)

    def key_posterior(self, episode: tf.Tensor, mask: tf.Tensor | None = None):
        """q(Y|X): a distribution of batch [B, T, K] and event [3]."""
        return self._key_posterior(self._embed(episode, mask))

    def ownership(self, episode: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
        """How much of each cell each frame wrote: float32 [B, T, S, S], in [0, 1].

        With the pooled writer, which gives frames no place, how much each frame's keys
        read of each cell.
        """
        embeddings = self._embed(episode, mask)
        if self.writer_name == "allocated":
            turns, _, keys = self._take_turns(embeddings, mask)
        else:
            keys, _ = self._key_parameters(embeddings)
            turns = tf.eye(tf.shape(keys)[1])[None]
            if mask is not None:
                turns *= mask[:, :, None]
        batch, length = tf.unstack(tf.shape(keys)[:2])
        shape = [batch, length, -1, self.memory_size**2]
        cells = tf.reduce_max(tf.reshape(self.reader.weights_at(keys), shape), axis=2)
        owned = tf.matmul(turns, cells, transpose_a=True)
        return tf.reshape(owned, [batch, -1, self.memory_size, self.memory_size])

    def _embed(self, episode, mask):
        if episode.shape[1] == 0:
            raise UserError("an episode must have an image, T >= 1. Received: T = 0")
        return self.embed(episode, mask)

    def _write(self, embeddings, mask):
        if self.writer_name == "pooled":
            return self.writer(embeddings, frame_mask=mask)
        turns, repeated, keys = self._take_turns(embeddings, mask)
        return self.writer(repeated, keys, frame_mask=tf.reduce_sum(turns, axis=-1))

    def _take_turns(self, embeddings, mask):
        """What is written: turns [B, U, T], embeddings [B, U, F], keys [B, U, K, 3]."""
        turns = self.allocator.turns(tf.shape(embeddings)[1], mask)
        # A product, not a gather: its gradient is the same bits on every run of a GPU.
        repeated = tf.matmul(tf.cast(turns, embeddings.dtype), embeddings)
        return turns, repeated, self.allocator(repeated)[0]

    def _key_posterior(self, embeddings):
        parameters = self._key_parameters(embeddings)
        return key_posteriors.key_posterior(self.key_family, *parameters)

    def _key_parameters(self, embeddings):
        """Mean and standard deviation of q(Y|X), each [B, T, K, 3]."""
        if self.writer_name == "allocated":
            return self.allocator(embeddings)
        shape = [*tf.unstack(tf.shape(embeddings)[:2]), self.blocks_per_frame, 3]
        return tuple(tf.reshape(h, shape) for h in self.key_head(embeddings))

    def _nearest_slots(self, memory, contents):
        """Keys [B, T, K, 3] of the slots that hold what is nearest to blocks."""
        slots, count = self.allocator.slot_keys(), self.allocator.num_slots
        batch, length = tf.unstack(tf.shape(contents)[:2])
        places = tf.broadcast_to(slots[None, :, None], [batch, count, 1, 3])
        size = self.block_size**2 * self.memory_depth
        stored = tf.reshape(self.reader(memory, places), [batch, count, size])
        wanted = tf.reshape(contents, [batch, length * self.blocks_per_frame, size])
        nearest = tf.gather(slots, nearest_slots(stored, wanted))
        return tf.reshape(nearest, [batch, length, self.blocks_per_frame, 3])

    def get_config(self):
        return {
            **super().get_config(),
            "memory_size": self.memory_size,
            "memory_depth": self.memory_depth,
            "block_size": self.block_size,
            "blocks_per_frame": self.blocks_per_frame,
            "latent_size": self.latent_size,
            "writer": self.writer_name,
            "sharpness": self.sharpness,
            "scale_gain": self.scale_gain,
            "key_posterior": self.key_family,
            "key_stddev": self.key_stddev,
            "key_spread": self.key_spread,
            "decode_blocks": self.decode_blocks,
        }


def _refuse(written):
    if written is not None:
        raise UserError("kanerva_plus_plus writes every frame. Received: written")

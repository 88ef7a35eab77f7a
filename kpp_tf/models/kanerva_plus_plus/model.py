"""Kanerva++: a deterministic memory of blocks, indexed by keys in R^3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kpp_tf import noise
from kpp_tf.errors import UserError
from kpp_tf.layers.block_memory.places import coarse_pixels, neighbour_loss
from kpp_tf.layers.block_memory.reader import WindowReader
from kpp_tf.layers.block_memory.writer import BlockWriter, Writing
from kpp_tf.models import gaussians
from kpp_tf.models.elbo import Elbo, TrainingTerms
from kpp_tf.models.kanerva_plus_plus.keys import FAMILIES, Region
from kpp_tf.models.kanerva_plus_plus.latents import LatentPrior, RelativePosterior
from kpp_tf.models.kanerva_plus_plus.memory import Memory
from kpp_tf.models.kanerva_plus_plus.windows import Windows
from kpp_tf.models.memory_model import MemoryModel
from kpp_tf.noise import Stream

Reading = tuple[tf.Tensor, tf.Tensor]  # blocks and how much of them is covered


@keras.saving.register_keras_serializable(package="kpp_tf")
class KanervaPlusPlus(MemoryModel):
    """K++.

    Write:    E = f_enc(X),  q(Y|X) from E,  M = f_mem(E).
    Generate: y ~ N(0, I),  M-hat = {f_ST(M, y_k)},  z ~ p(Z|M-hat, Y),  x ~ p(X|Z).
    Bound:    E_q ln p(X|Z) - E_q KL[q(Z|X, M-hat) || p(Z|M-hat, Y)]
              - KL[q(Y|X) || p(Y)].

    The memory is deterministic, so it has no KL. Images are decoded from Z alone: what
    the memory knows of them reaches the decoder through p(Z|M-hat, Y).

    Reference: Ramapuram, Wu, Kalousis, "Kanerva++: extending the Kanerva machine with
    differentiable, locally block allocated latent memory", ICLR 2021. The slides do not
    state the memory's shape, K, the latent's size or the networks: they are ours.

    Args:
      image_shape, likelihood, episode_length, encoder, decoder: see `MemoryModel`.
      memory_size: S, cells along a side of the memory; a multiple of P.
      memory_depth: D, numbers in a cell.
      block_size: P, cells along a side of a block.
      blocks_per_frame: K, blocks that make one image.
      latent_size: L, latent variables of each of a block's P x P cells.
      hidden: features of the hidden layers of p(Z|M-hat) and q(Z|X, M-hat).
      allocation: "content" or "turn"; see `BlockWriter`.
      finest, scale_low, scale_high: of the `WindowReader`.
      key_posterior: family of q(Y|X), "gaussian" (the source's) or "box"; see
        `kpp_tf.models.kanerva_plus_plus.keys`.
      explored: share of the frames that are not written which read a window of random
        width about their place in training; see `Windows.explore`.
    """

    config_name = "kanerva_plus_plus"

    def __init__(
        self,
        image_shape: Sequence[int],
        likelihood: str,
        episode_length: int,
        encoder: Mapping[str, Any],
        decoder: Mapping[str, Any],
        memory_size: int,
        memory_depth: int,
        block_size: int,
        blocks_per_frame: int,
        latent_size: int,
        hidden: int,
        allocation: str,
        finest: float,
        scale_low: float,
        scale_high: float,
        key_posterior: str,
        explored: float,
        **kwargs,
    ):
        if memory_size % block_size:
            raise UserError(
                "memory_size must be a multiple of block_size. Received: "
                f"memory_size={memory_size}, block_size={block_size}"
            )
        if block_size > 1:
            encoder = {**encoder, "embedding_side": block_size}
            decoder = {**decoder, "code_side": block_size}
        super().__init__(
            image_shape, likelihood, episode_length, encoder, decoder, **kwargs
        )
        if (memory_size // block_size) ** 2 < blocks_per_frame:
            raise UserError(
                "the memory must hold one image at least: (memory_size / block_size)^2 "
                f"blocks of blocks_per_frame. Received: memory_size={memory_size}, "
                f"block_size={block_size}, blocks_per_frame={blocks_per_frame}"
            )
        if key_posterior not in FAMILIES:
            raise UserError(
                f"key_posterior must be one of {sorted(FAMILIES)}. Received: "
                f"{key_posterior!r}"
            )
        if not 0 <= explored <= 1:
            raise UserError(f"explored must lie in [0, 1]. Received: {explored}")
        self.memory_size = memory_size
        self.memory_depth = memory_depth
        self.block_size = block_size
        self.blocks_per_frame = blocks_per_frame
        self.latent_size = latent_size
        self.hidden = hidden
        self.key_family = key_posterior
        self.explored = explored
        self.keys = FAMILIES[key_posterior]()
        self.reader = WindowReader(
            memory_size // block_size,
            block_size,
            finest,
            scale_low,
            scale_high,
            name="reader",
        )
        self.writer = BlockWriter(
            self.reader, memory_depth, blocks_per_frame, allocation, name="writer"
        )
        self.windows = Windows(
            self.reader, blocks_per_frame, self.keys.has_tails, name="windows"
        )
        self.latent_prior = LatentPrior(
            latent_size, block_size, hidden, name="latent_prior"
        )
        self.latent_posterior = RelativePosterior(
            latent_size, block_size, hidden, name="latent_posterior"
        )

    @property
    def memory_floats(self) -> int:
        """Numbers in a memory's cells and their coverage: S * S * (D + 1)."""
        return self.memory_size**2 * (self.memory_depth + 1)

    @property
    def capacity(self) -> int:
        """Images that the memory holds; one more and it forgets (`allocate`)."""
        return self.reader.grid**2 // self.blocks_per_frame

    def resized(self, memory_size: int) -> KanervaPlusPlus:
        """A copy with another size of memory; no weight knows S, and all are the same.

        Raises:
          UserError: if `memory_size` is no multiple of the block's size.
        """
        copy = type(self).from_config({**self.get_config(), "memory_size": memory_size})
        copy.build_from_shapes()
        copy.run_config = self.run_config
        for ours, theirs in zip(self.weights, copy.weights, strict=True):
            theirs.assign(ours)
        return copy

    def empty_memory(self, batch: int | tf.Tensor) -> Memory:
        """B memories in which nothing is written."""
        side = self.memory_size
        return Memory(
            tf.zeros([batch, side, side, self.memory_depth]),
            tf.zeros([batch, side, side]),
            tf.zeros([batch, self.encoder.carry_size]),
        )

    def write(self, episode, mask=None, written=None):
        """Writes an episode, in the order of its frames: see `MemoryModel.write`.

        A frame takes the free block nearest to the place that its content names. A full
        memory overwrites the nearest block of all.
        """
        written = self._written(episode, mask, written)
        embeddings, carry = self._encode(episode, written)
        return self._write(embeddings, carry, written)[0]

    def write_next(self, memory: Memory, images: tf.Tensor) -> Memory:
        """Writes one more image into each memory, at the cost of one.

        With a causal shift, or none, the memory is the one that writing the whole
        episode at once would have made.

        Args:
          memory: B memories.
          images: [B, H, W, C] in [0, 1].

        Raises:
          UserError: if the encoder's shift is bidirectional: what was written would
            have to change.
        """
        if self.encoder.shift == "bidirectional":
            raise UserError(
                "an encoder whose frames see later ones cannot write one at a time; "
                "take shift='causal'. Received: shift='bidirectional'"
            )
        memory = self.check_memory(memory)
        episode = images[:, tf.newaxis]
        embeddings, carry = self._encode(episode, None, memory.carry)
        written = tf.ones(tf.shape(episode)[:2])
        return self._write(embeddings, carry, written, memory)[0]

    def elbo(
        self,
        episode,
        seeds,
        mask=None,
        written=None,
        memory=None,
        analytic=True,
    ):
        """See `MemoryModel.elbo`.

        Under a given `memory` the keys are those of `infer_keys`, which knows the image
        and the memory, and not whether the one was written into the other.
        """
        if memory is None:
            written = self._written(episode, mask, written)
            writing, memory, embeddings, region = self._look(episode, written)
            region = self._recalled(writing, region)
        else:
            embeddings, region = self._search(memory, episode)
        return self._score(episode, seeds, mask, memory, embeddings, region, analytic)

    def training_terms(self, episode, seeds, mask=None, written=None):
        """Every frame twice: recalled, and against what came before it alone.

        The bounds of `elbo` with all frames written and of `predictive_elbo` in one
        encoding, so that a step teaches the same images to be stored and to be known,
        with 0 to T - 1 frames in the memory. Some of the frames that look around read
        windows of random widths (`Windows.explore`), and the places that images want
        learn from `neighbour_loss`. Which frames are `written` is
        nothing that has to be drawn.

        Returns:
          `TrainingTerms` of 2T scores: T recalled, then T predicted.
        """
        del written
        written = self._written(episode, mask, None)
        embeddings, carry = self._encode(episode, written)
        memory, writing = self._write(embeddings, carry, written)
        region = self.windows.recall(writing.blocks)
        stored = self._score(episode, seeds, mask, memory, embeddings, region, True)
        unseen = self._predicted(
            episode, seeds, mask, embeddings, writing, self.explored, True
        )
        both = Elbo(
            *(tf.concat(terms, axis=1) for terms in zip(stored, unseen, strict=True))
        )
        return TrainingTerms(
            both,
            tf.tile(written, [1, 2]),
            tf.concat([writing.held(), tf.zeros_like(written)], axis=1),
            self._map_loss(episode, writing, written) * written,
        )

    def _map_loss(self, episode, writing, real):
        """How little each episode's map says of who is alike: nats, float32 [B, 1]."""
        batch = tf.shape(episode)[0]
        loss = tf.zeros([batch])
        if self.writer.place is not None:
            features = coarse_pixels(episode)
            for k in range(self.blocks_per_frame):
                loss += neighbour_loss(writing.places[:, :, k], features, real)
        return loss[:, tf.newaxis] / self.blocks_per_frame

    def predictive_elbo(self, episode, seeds, mask=None, analytic=True) -> Elbo:
        """Terms of the bound of ln p(x_t | M(x_<t)), frame by frame: [B, T] each.

        Their sum over t bounds ln p(X): no frame is scored under a memory that has seen
        it or a later one. One encoding serves all prefixes, because a causal encoder
        gives the frames of a prefix the embeddings that they have in the whole.

        Args:
          episode: [B, T, H, W, C] in [0, 1].
          seeds: int32 [B, 2].
          mask: [B, T].
          analytic: see `elbo`.

        Raises:
          UserError: if the encoder's shift is bidirectional.
        """
        if self.encoder.shift == "bidirectional":
            raise UserError(
                "the predictive bound needs frames that see no later one; take "
                "shift='causal'. Received: shift='bidirectional'"
            )
        written = self._written(episode, mask, None)
        embeddings, carry = self._encode(episode, written)
        writing = self._write(embeddings, carry, written)[1]
        return self._predicted(episode, seeds, mask, embeddings, writing, 0.0, analytic)

    def _predicted(
        self, episode, seeds, mask, embeddings, writing, explored, analytic
    ) -> Elbo:
        batch, length, count = tf.unstack(tf.shape(writing.blocks))
        held = writing.blocks_held_after(tf.range(length))
        held = tf.reshape(held, [batch, length, length * count])
        blocks = self.reader.grid**2
        fullness = tf.reduce_sum(held, axis=-1) / blocks
        region = self._windows(embeddings, fullness, writing.places)
        if explored:
            region = self.windows.explore(region, explored, seeds)
        keys = self.keys.draw(region, seeds)
        # What a window reads of a block is what it reads of the frame that holds it.
        of_frames = tf.matmul(
            self.reader.weights_at(keys),
            tf.one_hot(tf.reshape(writing.blocks, [batch, length * count]), blocks),
            transpose_b=True,
        )
        of_frames *= tf.repeat(held, count, axis=1)
        size = writing.contents.shape[-1]
        contents = tf.reshape(writing.contents, [batch, length * count, size])
        covers = tf.ones([batch, length * count, self.block_size**2])
        reading = self.reader.averaged(of_frames, contents, covers, tf.shape(keys))
        return self._terms(
            episode, seeds, mask, embeddings, region, keys, reading, analytic
        )

    def generate(self, memory, num_samples, seeds, temperature=None):
        seeds = noise.checked(seeds, memory.cells.shape[0])
        keys = self.draw_keys(num_samples, seeds, temperature)
        return self.generate_from_keys(memory, keys, seeds, temperature)

    def draw_keys(
        self, num_samples: int, seeds: tf.Tensor, temperature: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Keys from the prior p(Y) = N(0, I): float32 [B, N, K, 3]."""
        shape = (num_samples, self.blocks_per_frame, 3)
        drawn = noise.normal(seeds, shape, Stream.KEYS)
        return gaussians.tempered(drawn, temperature)

    def slot_keys(self) -> tf.Tensor:
        """Keys that read each block of the memory alone: float32 [G*G, 3]."""
        return self.windows.slot_keys()

    def latents_at(self, memory: Memory, keys: tf.Tensor) -> tfd.MultivariateNormalDiag:
        """p(Z|M-hat, Y) at keys [B, N, K, 3]: batch [B, N], event [P*P*L]."""
        return self._prior(keys, self.reader(memory.cells, memory.coverage, keys))

    def generate_from_keys(
        self,
        memory: Memory,
        keys: tf.Tensor,
        seeds: tf.Tensor | None = None,
        temperature: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Images at given keys, the index of three numbers.

        Args:
          memory: B memories.
          keys: [B, N, K, 3]: scale, x, y.
          seeds: int32 [B, 2] for the latents; None takes the mean of p(Z|M-hat).
          temperature: [B].

        Returns:
          Mean images in [0, 1]: float32 [B, N, H, W, C].

        Raises:
          UserError: for a memory or keys that are not this model's, or (where values
            are known) coverage outside [0, 1], or keys that are no finite numbers.
        """
        memory = self.check_memory(memory)
        prior = self.latents_at(memory, self._checked_keys(keys, memory))
        latents = prior.mean()
        if seeds is not None:
            seeds = noise.checked(seeds, memory.cells.shape[0])
            latents = gaussians.draw(prior, seeds, Stream.LATENTS, temperature)
        return self.picture(latents)

    def elbo_at(
        self,
        memory: Memory,
        queries: tf.Tensor,
        keys: tf.Tensor,
        seeds: tf.Tensor,
        mask: tf.Tensor | None = None,
    ) -> Elbo:
        """Terms of the bound of ln p(x | M, y) at given keys, whose cost is 0.

        Args:
          memory: B memories.
          queries: [B, T, H, W, C] in [0, 1].
          keys: [B, T, K, 3], one for each query.
          seeds: int32 [B, 2].
          mask: [B, T].
        """
        memory = self.check_memory(memory)
        keys = self._checked_keys(keys, memory)
        reading = self.reader(memory.cells, memory.coverage, keys)
        embeddings = self._queries(memory, queries)
        return self._terms(queries, seeds, mask, embeddings, None, keys, reading, True)

    def reconstruct(self, memory, queries, seeds, mask=None):
        del mask  # a query does not see the others
        return self.generate_from_keys(memory, self.infer_keys(memory, queries, seeds))

    def refine(self, memory, images):
        embeddings = self._queries(memory, images)
        blocks = self._nearest_blocks(memory, embeddings)
        return self.generate_from_keys(memory, tf.gather(self.slot_keys(), blocks))

    def nearness(self, memory: Memory, queries: tf.Tensor) -> tf.Tensor:
        """How near what each block holds is to what queries would write.

        1 / (1 + the squared distance), which is 1e-30 where nothing is written.
        `refine` reads where it is largest.

        Args:
          memory: B memories.
          queries: [B, T, H, W, C] in [0, 1].

        Returns:
          float32 [B, T, K, G*G], in [0, 1].
        """
        contents = self.writer.contents(self._queries(memory, queries))
        distance = self._distances(memory, contents)
        distance += tf.reduce_sum(contents**2, axis=-1, keepdims=True)
        return 1.0 / (1.0 + tf.maximum(distance, 0.0))

    def infer_keys(
        self, memory: Memory, queries: tf.Tensor, seeds: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Keys at which `memory` explains `queries` best.

        Two regions are compared by the bound at the means: that of the block whose
        content is nearest to the query's, and the window in which a frame looks around
        that was not written. Nobody has to say whether it was.

        Args:
          memory: B memories.
          queries: [B, T, H, W, C] in [0, 1].
          seeds: int32 [B, 2] to draw the keys; None takes the regions' centres.

        Returns:
          float32 [B, T, K, 3].
        """
        region = self._search(memory, queries)[1]
        return (
            self.keys.mean(region) if seeds is None else self.keys.draw(region, seeds)
        )

    def key_posterior(self, episode, mask=None, written=None) -> tfd.Distribution:
        """q(Y|X) of the frames of an episode: batch [B, T, K], event [3]."""
        written = self._written(episode, mask, written)
        writing, _, _, region = self._look(episode, written)
        return self.keys.distribution(self._recalled(writing, region))

    def ownership(self, episode, mask=None, written=None) -> tf.Tensor:
        """Which cells hold what each frame wrote: float32 [B, T, S, S] of 0 and 1."""
        written = self._written(episode, mask, written)
        embeddings, carry = self._encode(episode, written)
        writing = self._write(embeddings, carry, written)[1]
        batch, length = tf.unstack(tf.shape(writing.blocks)[:2])
        last = writing.blocks_held_after(length[tf.newaxis])[:, 0]
        blocks = tf.one_hot(writing.blocks, self.reader.grid**2)
        owned = tf.reduce_sum(blocks * last[..., tf.newaxis], axis=2)
        cells = tf.repeat(owned[..., tf.newaxis], self.block_size**2, axis=-1)
        cells = tf.reshape(cells, [batch * length, *cells.shape[2:]])
        side = self.memory_size
        return tf.reshape(self.reader.as_cells(cells), [batch, length, side, side])

    def decode(self, code):
        """Likelihood parameters of latents [B, T, P*P*L]."""
        if self.block_size > 1:
            batch, length = tf.unstack(tf.shape(code)[:2])
            size = self.block_size
            code = tf.reshape(code, [batch, length, size, size, self.latent_size])
        return super().decode(code)

    def check_memory(self, memory: Memory) -> Memory:
        """Returns the memory as tensors; UserError unless it is one of this model's."""
        memory = Memory(*map(tf.convert_to_tensor, memory))
        side = self.memory_size
        expected = Memory(
            [None, side, side, self.memory_depth],
            [None, side, side],
            [None, self.encoder.carry_size],
        )
        for name, value, shape in zip(Memory._fields, memory, expected, strict=True):
            if not value.shape.is_compatible_with(shape):
                raise UserError(
                    f"this model's memory has {name} of shape {shape}; was it written "
                    f"by another model? Received: {tuple(value.shape)}"
                )
        if tf.executing_eagerly():
            low = tf.reduce_min(memory.coverage)
            high = tf.reduce_max(memory.coverage)
            if memory.coverage.shape[0] and not (low >= 0 and high <= 1):
                raise UserError(
                    "a memory's coverage must lie in [0, 1]. Received: values from "
                    f"{float(low)} to {float(high)}"
                )
        return memory

    def build(self, input_shape):
        """Builds all layers; the encoder first, whose `encode` skips its call."""
        del input_shape
        self.encoder.build((None, None, *self.image_shape))
        self.built = True
        self.call(tf.zeros([1, 2, *self.image_shape]))

    def get_config(self):
        return {
            **super().get_config(),
            "memory_size": self.memory_size,
            "memory_depth": self.memory_depth,
            "block_size": self.block_size,
            "blocks_per_frame": self.blocks_per_frame,
            "latent_size": self.latent_size,
            "hidden": self.hidden,
            "allocation": self.writer.allocation,
            "finest": self.reader.finest,
            "scale_low": self.reader.low,
            "scale_high": self.reader.high,
            "key_posterior": self.key_family,
            "explored": self.explored,
        }

    # Encoding and writing.

    def _written(self, episode, mask, written):
        written = self.check_written(episode, mask, written)
        return tf.ones(tf.shape(episode)[:2]) if written is None else written

    def _encode(self, episode, written, carry=None):
        """E as maps, float32 [B, T, P, P, F], and what the shifts hand on."""
        episode = self.check_episode(episode)
        length = tf.shape(episode)[1]
        if not episode.shape[1]:
            # As in `any_length`: a blank frame, not written, stands in for none.
            if written is None:
                written = tf.ones(tf.shape(episode)[:2])
            blank = tf.maximum(1 - length, 0)
            episode = tf.pad(episode, [[0, 0], [0, blank], *[[0, 0]] * 3])
            written = tf.pad(written, [[0, 0], [0, blank]])
        embeddings, carry = self.encoder.encode(episode, written, carry)
        embeddings = tf.cast(embeddings[:, :length], tf.float32)
        if self.block_size == 1:
            embeddings = embeddings[:, :, tf.newaxis, tf.newaxis]
        return embeddings, carry

    def _write(self, embeddings, carry, written, memory=None) -> tuple[Memory, Writing]:
        if memory is None:
            memory = self.empty_memory(tf.shape(embeddings)[0])
        covers = self.reader.as_blocks(memory.coverage[..., tf.newaxis])
        free = tf.cast(tf.reduce_max(covers, axis=-1) == 0, tf.float32)
        writing = self.writer(embeddings, written, free)
        cells, coverage = self.writer.store(writing, memory.cells, memory.coverage)
        return Memory(cells, coverage, carry), writing

    def _look(self, episode, written):
        """Writes, and where each frame would look if it were not held."""
        embeddings, carry = self._encode(episode, written)
        memory, writing = self._write(embeddings, carry, written)
        region = self._windows(embeddings, _fullness(memory, episode), writing.places)
        return writing, memory, embeddings, region

    def _windows(self, embeddings, fullness, places) -> Region:
        features = tf.reduce_mean(embeddings, axis=[2, 3])
        return self.windows(features, fullness, tf.stop_gradient(places))

    def _recalled(self, writing, region) -> Region:
        """`region`, but for frames that are held: these are recalled."""
        held = writing.held()[..., tf.newaxis, tf.newaxis] > 0
        return self.windows.recall(writing.blocks).where(held, region)

    # Queries, which may have been written or not.

    def _queries(self, memory, queries):
        memory = self.check_memory(memory)
        none = tf.zeros(tf.shape(queries)[:2])
        return self._encode(queries, none, memory.carry)[0]

    def _search(self, memory, queries):
        """Embeddings of queries, and the region in which their keys lie."""
        embeddings = self._queries(memory, queries)
        recall = self.windows.recall(self._nearest_blocks(memory, embeddings))
        around = self._windows(
            embeddings, _fullness(memory, queries), self.writer.places(embeddings)
        )
        costs = []
        for region in (recall, around):
            keys = self.keys.mean(region)
            prior = self.latents_at(memory, keys)
            posterior = self._posterior(embeddings, prior)
            cost = gaussians.kl(posterior, prior, posterior.mean(), analytic=True)
            cost += self.keys.kl(region, keys, analytic=True)
            parameters = self.decode(posterior.mean())
            costs.append(cost - self.likelihood.log_prob(parameters, queries))
        better = (costs[0] < costs[1])[..., tf.newaxis, tf.newaxis]
        return embeddings, recall.where(better, around)

    def _nearest_blocks(self, memory, embeddings):
        """Numbers int32 [B, T, K] of the blocks that hold what is nearest to F."""
        distance = self._distances(memory, self.writer.contents(embeddings))
        return tf.argmin(distance, axis=-1, output_type=tf.int32)

    def _distances(self, memory, contents):
        """|M_r - F|^2 - |F|^2 for every block r; huge where nothing is written."""
        batch, length, count, size = tf.unstack(tf.shape(contents))
        stored = self.reader.as_blocks(memory.cells)
        covers = self.reader.as_blocks(memory.coverage[..., tf.newaxis])
        blank = tf.cast(tf.reduce_max(covers, axis=-1) == 0, tf.float32)
        norm = tf.reduce_sum(stored**2, axis=-1) + 1e30 * blank
        wanted = tf.reshape(contents, [batch, length * count, size])
        distance = norm[:, tf.newaxis] - 2 * tf.matmul(wanted, stored, transpose_b=True)
        return tf.reshape(distance, [batch, length, count, self.reader.grid**2])

    # The terms of the bound.

    def _score(self, episode, seeds, mask, memory, embeddings, region, analytic):
        seeds = noise.checked(seeds, embeddings.shape[0])
        keys = self.keys.draw(region, seeds)
        reading = self.reader(memory.cells, memory.coverage, keys)
        return self._terms(
            episode, seeds, mask, embeddings, region, keys, reading, analytic
        )

    def _terms(
        self, episode, seeds, mask, embeddings, region, keys, reading, analytic
    ) -> Elbo:
        prior = self._prior(keys, reading)
        posterior = self._posterior(embeddings, prior)
        latents = gaussians.draw(posterior, seeds, Stream.LATENTS)
        return Elbo.masked(
            mask,
            self.likelihood.log_prob(self.decode(latents), episode),
            gaussians.kl(posterior, prior, latents, analytic),
            None if region is None else self.keys.kl(region, keys, analytic),
        )

    def _prior(self, keys, reading: Reading):
        """p(Z|M-hat, Y) over the P*P*L latents of an image: batch [B, T]."""
        blocks, covered = reading
        batch, length = tf.unstack(tf.shape(keys)[:2])
        size, count = self.block_size, self.blocks_per_frame
        maps = [batch, length, size, size]
        blocks = tf.reshape(blocks, [-1, count, size**2, self.memory_depth])
        blocks = tf.transpose(blocks, [0, 2, 1, 3])
        blocks = tf.reshape(blocks, [*maps, count * self.memory_depth])
        covered = tf.reshape(covered, [-1, count, size**2])
        covered = tf.reshape(tf.transpose(covered, [0, 2, 1]), [*maps, count])
        scales = keys[:, :, tf.newaxis, tf.newaxis, :, 0]
        breadth = self.reader.breadth(scales) * tf.ones_like(covered)
        number = tf.math.log1p(covered * self.reader.widths(scales) ** 2)
        context = tf.concat([covered, breadth, number], axis=-1)
        context = tf.ensure_shape(context, [None, None, size, size, 3 * count])
        return _over_maps(*self.latent_prior(blocks, context))

    def _posterior(self, embeddings, prior):
        """q(Z|X, M-hat), relative to the prior."""
        size = self.block_size
        batch, length = tf.unstack(tf.shape(embeddings)[:2])
        shape = [batch, length, size, size, self.latent_size]
        maps = (tf.reshape(p, shape) for p in (prior.mean(), prior.stddev()))
        return _over_maps(*self.latent_posterior(embeddings, *maps))

    def _checked_keys(self, keys, memory):
        keys = tf.convert_to_tensor(keys)
        batch = memory.cells.shape[0]
        expected = [batch, None, self.blocks_per_frame, 3]
        if not keys.shape.is_compatible_with(expected):
            raise UserError(
                f"keys must be [{batch or 'B'}, N, {self.blocks_per_frame}, 3]. "
                f"Received: {tuple(keys.shape)}"
            )
        if tf.executing_eagerly() and not tf.reduce_all(tf.math.is_finite(keys)):
            raise UserError("keys must be finite numbers. Received: NaN or infinity")
        return keys


def _fullness(memory, frames):
    """Share of the memory that is written, for each frame: [B, T]."""
    share = tf.reduce_mean(memory.coverage, axis=[1, 2])
    return tf.repeat(share[:, tf.newaxis], tf.shape(frames)[1], axis=1)


def _over_maps(mean, stddev):
    """A Gaussian over all numbers of maps [B, T, P, P, L]."""
    batch, length = tf.unstack(tf.shape(mean)[:2])
    size = mean.shape[2] * mean.shape[3] * mean.shape[4]
    flat = (tf.reshape(t, [batch, length, size]) for t in (mean, stddev))
    return gaussians.diagonal(*flat)

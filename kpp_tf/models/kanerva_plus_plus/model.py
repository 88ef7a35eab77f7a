"""Kanerva++: the generative model, its posteriors and its bound.

An episode X = (x_1, ..., x_T) of images becomes one memory, without sampling:

    E = f_enc(X)                     embeddings, one a frame       TSMResNet
    M = f_mem(E)                     S x S cells in G x G blocks   BlockWriter

An image is generated from the memory:

    y ~ p(Y) = N(0, I)               K keys (scale, x, y)          draw_keys
    M-hat = {f_ST(M, y_k)}           the blocks that they read     WindowReader
    z ~ p(Z|M-hat, Y)                learned prior                 LatentPrior
    x ~ p(X|Z)                       from the latents alone        decoder, likelihood

Its posterior has two parts:

    q(Y|X)                           a region of the keys          windows.py, keys.py
    q(Z|X, M-hat)                    relative to the prior         RelativeGaussian

For any key and latent, importance sampling gives

    p(x|M) = E_p(Y) E_p(Z|M-hat, Y) p(x|Z)
           = E_q(Y|X) E_q(Z|X, M-hat) [ p(x|Z) p(Z|M-hat, Y) p(Y)
                                        / (q(Z|X, M-hat) q(Y|X)) ].

Jensen's inequality moves the logarithm inside. This is the bound, per image, in nats:

    ln p(x|M) >=  E_q ln p(x|Z)                                    log_likelihood
                - E_q(Y|X) KL[q(Z|X, M-hat) || p(Z|M-hat, Y)]      kl_latents
                - KL[q(Y|X) || p(Y)]                               kl_keys

M is deterministic and has no KL. Everything that the memory knows of an image reaches
the decoder through p(Z|M-hat, Y).

Reference: Ramapuram, Wu, Kalousis, "Kanerva++: extending the Kanerva machine with
differentiable, locally block allocated latent memory", ICLR 2021. The slides do not
state the memory's shape, K, the size of the latent or the networks: they are ours.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal, overload

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kpp_tf import noise
from kpp_tf.errors import UserError
from kpp_tf.layers.block_memory.map_loss import map_loss
from kpp_tf.layers.block_memory.reader import WindowReader
from kpp_tf.layers.block_memory.writer import BlockWriter, Writing
from kpp_tf.models import gaussians
from kpp_tf.models.elbo import Elbo, TrainingTerms
from kpp_tf.models.frames import checked_count
from kpp_tf.models.kanerva_plus_plus import capacity
from kpp_tf.models.kanerva_plus_plus.bound import Bound, Frames
from kpp_tf.models.kanerva_plus_plus.episode_writer import EpisodeWriter
from kpp_tf.models.kanerva_plus_plus.keys import FAMILIES, Region
from kpp_tf.models.kanerva_plus_plus.latent_layers import LatentPrior, RelativeGaussian
from kpp_tf.models.kanerva_plus_plus.latents import Latents
from kpp_tf.models.kanerva_plus_plus.memory import Memory
from kpp_tf.models.kanerva_plus_plus.options import exploring, nearest
from kpp_tf.models.kanerva_plus_plus.options.aim import recalled_means
from kpp_tf.models.kanerva_plus_plus.options.groups import flat
from kpp_tf.models.kanerva_plus_plus.options.rounding import with_rounding_noise
from kpp_tf.models.kanerva_plus_plus.regions import Regions
from kpp_tf.models.kanerva_plus_plus.views import MemoryView, PrefixView
from kpp_tf.models.kanerva_plus_plus.windows import Windows
from kpp_tf.models.memory_model import MemoryModel


@keras.saving.register_keras_serializable(package="kpp_tf")
class KanervaPlusPlus(MemoryModel):
    """K++; see the top of this file.

    Args:
      image_shape, likelihood, episode_length, encoder, decoder: see `MemoryModel`.
      memory_size: S, cells along a side of the memory; a multiple of P.
      memory_depth: D, numbers in a cell.
      block_size: P, cells along a side of a block.
      blocks_per_frame: K, blocks that make one image.
      latent_size: L, latent variables of each of a block's P x P cells.
      latent_groups: a divisor of L: groups in which latents are drawn, each given those
        before; see `options/groups.py`.
      hidden: features of the hidden layers of p(Z|M-hat, Y) and q(Z|X, M-hat).
      allocation: "content" or "turn"; see `BlockWriter`.
      finest, scale_low, scale_high: of the `WindowReader`.
      key_posterior: family of q(Y|X), "gaussian" (the source's) or "box"; see
        `keys.py`.
      explored: share of the frames that explore in training; see
        `options/exploring.py`.
      near: share of the unseen frames that in training read the block most like them;
        see `options/nearest.py`.
      rounding: noise on the memory in training; see `options/rounding.py`.
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
        latent_groups: int = 1,  # as configs without it mean
        near: float = 0.0,  # the same
        rounding: float = 0.0,  # the same
        **kwargs: Any,
    ):
        if memory_size % block_size or memory_size < block_size:
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
        grid = memory_size // block_size
        for holds, rule, received in (
            (
                grid**2 >= blocks_per_frame,
                "the memory must hold one image at least: (memory_size / block_size)^2 "
                "blocks of blocks_per_frame",
                f"memory_size={memory_size}, block_size={block_size}, "
                f"blocks_per_frame={blocks_per_frame}",
            ),
            (
                key_posterior in FAMILIES,
                f"key_posterior must be one of {sorted(FAMILIES)}",
                repr(key_posterior),
            ),
            (0 <= explored <= 1, "explored must lie in [0, 1]", explored),
            (0 <= near < 1, "near must lie in [0, 1)", near),
            (rounding >= 0, "rounding must be at least 0", rounding),
            (
                latent_groups >= 1 and latent_size % latent_groups == 0,
                "latent_groups must divide latent_size",
                f"latent_groups={latent_groups}, latent_size={latent_size}",
            ),
        ):
            if not holds:
                raise UserError(f"{rule}. Received: {received}")
        self.memory_size = memory_size
        self.memory_depth = memory_depth
        self.block_size = block_size
        self.blocks_per_frame = blocks_per_frame
        self.latent_size = latent_size
        self.latent_groups = latent_groups
        self.key_family = key_posterior
        self.explored = explored
        self.near = near
        self.rounding = rounding

        # Layers; presets hold their weights by these names.
        self.reader = WindowReader(
            grid, block_size, finest, scale_low, scale_high, name="reader"
        )
        self.writer = BlockWriter(
            self.reader, memory_depth, blocks_per_frame, allocation, name="writer"
        )
        self.keys = FAMILIES[key_posterior]()
        self.windows = Windows(
            self.reader, blocks_per_frame, self.keys.has_tails, name="windows"
        )
        latent = (latent_size, block_size, hidden)
        self.latent_prior = LatentPrior(*latent, name="latent_prior")
        self.latent_chain = None
        if latent_groups > 1:
            self.latent_chain = RelativeGaussian(*latent, name="latent_chain")
        self.aimed = block_size > 1
        self.latent_posterior = RelativeGaussian(
            *latent, aimed=self.aimed, name="latent_posterior"
        )

        # What uses them.
        self.episodes = EpisodeWriter(self.encoder, self.writer)
        self.regions = Regions(self.windows, self.writer, near > 0)
        self.latents = Latents(
            self.reader,
            self.latent_prior,
            self.latent_posterior,
            self.latent_chain,
            latent_groups,
            blocks_per_frame,
        )
        self.bound = Bound(self.keys, self.latents, self._log_likelihood)

    def build(self, input_shape: Any) -> None:
        """Builds all layers; the encoder first, because `encode` skips its call."""
        del input_shape
        self.encoder.build((None, None, *self.image_shape))
        self.built = True
        self.call(tf.zeros([1, 2, *self.image_shape]))

    # Write: E = f_enc(X), M = f_mem(E).

    def write(
        self,
        episode: tf.Tensor,
        mask: tf.Tensor | None = None,
        written: tf.Tensor | None = None,
        memory: Memory | None = None,
    ) -> Memory:
        """Writes an episode, in the order of its frames; see `MemoryModel.write`.

        A frame takes the free block nearest to the place that its content names. A full
        memory overwrites the nearest block of all.

        Args:
          episode: [B, T, H, W, C] in [0, 1].
          mask: [B, T].
          written: [B, T].
          memory: B memories that the episode is added to; None: empty ones. With a
            causal shift, or none, the result is that of writing all at once.

        Raises:
          UserError: for a given memory if the encoder's shift is bidirectional: what
            was written would have to change.
        """
        return self._written(episode, mask, written, memory)[0]

    @overload
    def write_next(
        self,
        memory: Memory,
        images: tf.Tensor,
        return_replaced: Literal[False] = False,
    ) -> Memory: ...

    @overload
    def write_next(
        self, memory: Memory, images: tf.Tensor, return_replaced: Literal[True]
    ) -> tuple[Memory, tf.Tensor]: ...

    def write_next(
        self, memory: Memory, images: tf.Tensor, return_replaced: bool = False
    ) -> Memory | tuple[Memory, tf.Tensor]:
        """Writes one more image into each memory, at the cost of one; see `write`.

        Args:
          memory: B memories.
          images: [B, H, W, C] in [0, 1].
          return_replaced: also returns the numbers of the blocks that were overwritten,
            int32 [B, K], row by row; -1 for a block that was free.
        """
        after, _, writing = self._written(images[:, tf.newaxis], None, None, memory)
        if not return_replaced:
            return after
        free = self.episodes.free_blocks(Memory(*map(tf.convert_to_tensor, memory)))
        blocks = writing.blocks[:, 0]
        was_free = tf.gather(free, blocks, batch_dims=1) > 0
        return after, tf.where(was_free, -1, blocks)

    def empty_memory(self, batch: int | tf.Tensor) -> Memory:
        """B memories in which nothing is written."""
        return self.episodes.empty(batch)

    def check_memory(self, memory: Memory, batch: int | None = None) -> Memory:
        """Returns a memory as tensors; UserError unless this model can read it."""
        return self.episodes.check(memory, batch)

    def ownership(
        self,
        episode: tf.Tensor,
        mask: tf.Tensor | None = None,
        written: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Which cells hold what each frame wrote: float32 [B, T, S, S] of 0 and 1."""
        return self.episodes.ownership(self._written(episode, mask, written)[2])

    @property
    def memory_floats(self) -> int:
        """Numbers in a memory's cells and their coverage: S * S * (D + 1)."""
        return self.memory_size**2 * (self.memory_depth + 1)

    @property
    def capacity(self) -> int:
        """Images that the memory holds; with one more it forgets (`allocate`)."""
        return self.reader.grid**2 // self.blocks_per_frame

    def resized(self, memory_size: int) -> "KanervaPlusPlus":
        """A copy with the same weights and another memory size S; no weight knows S.

        Raises:
          UserError: if `memory_size` is no multiple of the block's size.
        """
        copy = type(self).from_config({**self.get_config(), "memory_size": memory_size})
        copy.build_from_shapes()
        copy.run_config = self.run_config
        for ours, theirs in zip(self.weights, copy.weights, strict=True):
            theirs.assign(ours)
        return copy

    # Generate: y ~ p(Y), M-hat = {f_ST(M, y_k)}, z ~ p(Z|M-hat, Y), x ~ p(X|Z).

    def generate(
        self,
        memory: Memory,
        num_samples: int,
        seeds: tf.Tensor,
        temperature: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """See `MemoryModel.generate`."""
        seeds = noise.checked(seeds, memory.cells.shape[0])
        keys = self.draw_keys(num_samples, seeds, temperature)
        return self.generate_from_keys(memory, keys, seeds, temperature)

    def draw_keys(
        self, num_samples: int, seeds: tf.Tensor, temperature: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Keys from the prior p(Y) = N(0, I): float32 [B, N, K, 3]."""
        shape = (checked_count(num_samples), self.blocks_per_frame, 3)
        drawn = noise.normal(seeds, shape, noise.Stream.KEYS)
        return gaussians.tempered(drawn, temperature)

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
          seeds: int32 [B, 2] for the latents; None takes the mean of p(Z|M-hat, Y).
          temperature: [B], 0 or more.

        Returns:
          Mean images in [0, 1]: float32 [B, N, H, W, C].

        Raises:
          UserError: for a memory or keys of another shape, or (where values are known)
            coverage outside [0, 1], keys that are not finite, or a negative
            temperature.
        """
        memory = self.check_memory(memory)
        keys = self._checked_keys(keys, memory)
        drawn = None
        if seeds is not None:
            seeds = noise.checked(seeds, memory.cells.shape[0])
            drawn = self.latents.noise(seeds, tf.shape(keys)[1])
            drawn = gaussians.tempered(drawn, temperature)
        return self.picture(self.latents_at(memory, keys, drawn))

    def latents_at(
        self, memory: Memory, keys: tf.Tensor, drawn: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Latents of p(Z|M-hat, Y) at keys, float32 [B, N, P*P*L].

        Args:
          memory: B memories.
          keys: [B, N, K, 3].
          drawn: standard normal noise [B, N, P*P*L]; None takes the means, group by
            group.
        """
        reading = MemoryView(self.reader, memory).read(keys)
        return self.latents.sample(keys, reading, drawn)

    def generate_from_blocks(self, memory: Memory, blocks: tf.Tensor) -> tf.Tensor:
        """Images that blocks hold: what their `slot_keys` read, whatever G is.

        A key reads through the whole memory, at a cost of G^2; a block costs one row.

        Args:
          memory: B memories.
          blocks: int32 [B, N, K], numbers from 0 to G*G - 1.

        Returns:
          Mean images in [0, 1]: float32 [B, N, H, W, C].
        """
        memory = self.check_memory(memory)
        covers = self.reader.as_blocks(memory.coverage[..., tf.newaxis])
        covered = tf.gather(covers, blocks, batch_dims=1)
        values = tf.gather(self.reader.as_blocks(memory.cells), blocks, batch_dims=1)
        values = tf.reshape(values, [*tf.unstack(tf.shape(covered)), self.memory_depth])
        keys = tf.gather(self.slot_keys(), blocks)
        values *= tf.cast(covered > 0, tf.float32)[..., tf.newaxis]
        return self.picture(self.latents.sample(keys, (values, covered), None))

    def slot_keys(self) -> tf.Tensor:
        """Keys that read each block of the memory alone: float32 [G*G, 3]."""
        return self.windows.slot_keys()

    # The posterior of the keys, q(Y|X).

    def key_posterior(
        self,
        episode: tf.Tensor,
        mask: tf.Tensor | None = None,
        written: tf.Tensor | None = None,
    ) -> tfd.Distribution:
        """q(Y|X) of the frames of an episode: batch [B, T, K], event [3]."""
        return self.keys.distribution(self._written_and_read(episode, mask, written)[2])

    def infer_keys(
        self, memory: Memory, queries: tf.Tensor, seeds: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Keys at which `memory` explains `queries` best, written before or not.

        Candidate regions are compared by the bound at their means: recall of the block
        whose content is nearest, and the regions of an unseen frame.

        Args:
          memory: B memories.
          queries: [B, T, H, W, C] in [0, 1].
          seeds: int32 [B, 2] to draw the keys; None takes the regions' centres.

        Returns:
          float32 [B, T, K, 3].
        """
        view, frames = self._queries(memory, queries)
        if seeds is not None:
            seeds = noise.checked(seeds, frames.embeddings.shape[0])
        regions = self.regions.of_any(frames.embeddings, view)
        region = self.bound.cheapest(frames, regions, view)
        return (
            self.keys.mean(region) if seeds is None else self.keys.draw(region, seeds)
        )

    def reconstruct(
        self,
        memory: Memory,
        queries: tf.Tensor,
        seeds: tf.Tensor,
        mask: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """See `MemoryModel.reconstruct`."""
        del mask  # a query does not see the others
        return self.generate_from_keys(memory, self.infer_keys(memory, queries, seeds))

    def refine(self, memory: Memory, images: tf.Tensor) -> tf.Tensor:
        """Reads the block whose content is nearest; see `MemoryModel.refine`."""
        view, frames = self._queries(memory, images)
        blocks = view.nearest(self.writer.contents(frames.embeddings))
        return self.generate_from_keys(memory, tf.gather(self.slot_keys(), blocks))

    def nearness(self, memory: Memory, queries: tf.Tensor) -> tf.Tensor:
        """How near each block's content is to what queries would write.

        1 / (1 + the squared distance), which is 1e-30 where nothing is written.
        `refine` reads where it is largest.

        Args:
          memory: B memories.
          queries: [B, T, H, W, C] in [0, 1].

        Returns:
          float32 [B, T, K, G*G], in [0, 1].
        """
        view, frames = self._queries(memory, queries)
        contents = self.writer.contents(frames.embeddings)
        distance = view.distances(contents)
        distance += tf.reduce_sum(contents**2, axis=-1, keepdims=True)
        return 1.0 / (1.0 + tf.maximum(distance, 0.0))

    # The bound.

    def elbo(
        self,
        episode: tf.Tensor,
        seeds: tf.Tensor,
        mask: tf.Tensor | None = None,
        written: tf.Tensor | None = None,
        memory: Memory | None = None,
        analytic: bool = True,
    ) -> Elbo:
        """See `MemoryModel.elbo`.

        Under a given `memory` nobody says whether an image was written. Where KLs are
        in closed form, its keys are those of `infer_keys`; where they are estimated by
        samples (`analytic=False`), the bound sums over the candidate regions, see
        `mixture`.
        """
        if memory is None:
            frames, view, region = self._written_and_read(episode, mask, written)
            regions = [region]
        else:
            view, frames = self._queries(memory, episode)
            regions = self.regions.of_any(frames.embeddings, view)
        frames = frames.drawn_with(seeds, mask)
        return self.bound.over_regions(frames, regions, view, analytic)

    def predictive_elbo(
        self,
        episode: tf.Tensor,
        seeds: tf.Tensor,
        mask: tf.Tensor | None = None,
        analytic: bool = True,
    ) -> Elbo:
        """Terms of the bound of ln p(x_t | M(x_<t)), frame by frame: [B, T] each.

        Their sum over t bounds ln p(X): no frame is scored under a memory that has seen
        it or a later one. One encoding serves all prefixes, because a causal encoder
        gives the frames of a prefix the embeddings that they have in the whole.

        Args:
          episode: [B, T, H, W, C] in [0, 1].
          seeds: int32 [B, 2].
          mask: [B, T].
          analytic: KLs in closed form, and keys as an unseen frame's. False estimates
            each KL by a sample; the bound then also sums over the recall of the nearest
            block, as if the frame were a copy of one before it.

        Raises:
          UserError: if the encoder's shift is bidirectional.
        """
        self._check_causal("the predictive bound")
        _, frames, writing = self._written(episode, mask, None)
        view = PrefixView(self.reader, writing)
        regions = self.regions.of_unseen(frames.embeddings, view, writing)
        if not analytic:
            nearest_blocks = view.nearest(writing.contents)
            regions = [self.windows.recall(nearest_blocks), *regions]
        frames = frames.drawn_with(seeds, mask)
        return self.bound.over_regions(frames, regions, view, analytic)

    def elbo_at(
        self,
        memory: Memory,
        queries: tf.Tensor,
        keys: tf.Tensor,
        seeds: tf.Tensor,
        mask: tf.Tensor | None = None,
    ) -> Elbo:
        """Terms of the bound of ln p(x | M, y) at given keys, which cost nothing.

        Args:
          memory: B memories.
          queries: [B, T, H, W, C] in [0, 1].
          keys: [B, T, K, 3], one for each query.
          seeds: int32 [B, 2].
          mask: [B, T].
        """
        view, frames = self._queries(memory, queries)
        keys = self._checked_keys(keys, view.memory)
        frames = frames.drawn_with(seeds, mask)
        return self.bound.at_keys(frames, keys, view, analytic=True)

    def training_terms(
        self,
        episode: tf.Tensor,
        seeds: tf.Tensor,
        mask: tf.Tensor | None = None,
        written: tf.Tensor | None = None,
        samples: int = 1,
    ) -> TrainingTerms:
        """Every frame twice: recalled, and predicted from the frames before it.

        The bounds of `elbo` with all frames written and of `predictive_elbo`, from one
        encoding. So a step teaches the same images to be stored and to be known, with 0
        to T - 1 frames in the memory; `written` is not used. Some frames explore other
        windows; places learn from the map's loss.

        Returns:
          `TrainingTerms` of 2T scores: T recalled, then T predicted.
        """
        del written
        memory, frames, writing = self._written(episode, mask, None)
        if self.rounding:
            memory = with_rounding_noise(memory, self.rounding, seeds)
        frames = frames.drawn_with(seeds, mask)
        real = tf.ones(tf.shape(episode)[:2]) if mask is None else mask

        view = MemoryView(self.reader, memory)
        region = self.windows.recall(writing.blocks)
        region = exploring.explore_held(self.reader, region, self.explored, seeds)
        stored = self.bound.in_region(frames, region, view, samples)

        prefixes = PrefixView(self.reader, writing)
        regions = self.regions.of_unseen(frames.embeddings, prefixes, writing)
        region = nearest.one_of(regions, self.near, seeds)
        region = exploring.explore_unseen(self.reader, region, self.explored, seeds)
        unseen = self.bound.in_region(frames, region, prefixes, samples)

        real = tf.cast(real, tf.float32)
        auxiliary = tf.zeros_like(real)
        if self.writer.place is not None:
            auxiliary = map_loss(writing.places, episode, real)
        return TrainingTerms(
            Elbo(*(tf.concat(pair, 1) for pair in zip(stored, unseen, strict=True))),
            real=tf.tile(real, [1, 2]),
            held=tf.concat([writing.held(), tf.zeros_like(real)], axis=1),
            auxiliary=auxiliary,
        )

    def _written(
        self,
        episode: tf.Tensor,
        mask: tf.Tensor | None,
        written: tf.Tensor | None,
        memory: Memory | None = None,
    ) -> tuple[Memory, Frames, Writing]:
        """Writes an episode into a memory, by default an empty one."""
        episode = self.check_episode(episode)
        written = self.check_written(episode, mask, written)
        if memory is not None:
            self._check_causal("writing into a memory")
            memory = self.check_memory(memory, episode.shape[0])
        if written is None:
            written = tf.ones(tf.shape(episode)[:2])
        self._warn_if_full(written, memory)
        carry = None if memory is None else memory.carry
        embeddings, carry = self.episodes.encode(episode, written, carry)
        after, writing = self.episodes.write(embeddings, carry, written, memory)
        return after, self._frames(episode, embeddings), writing

    def _warn_if_full(self, written: tf.Tensor, memory: Memory | None) -> None:
        """Warns, once a place, where more frames are written than blocks are free."""
        if not tf.executing_eagerly() or not written.shape[0]:
            return
        count = tf.reduce_sum(written, axis=1)
        if memory is not None:
            used = self.reader.grid**2 - tf.reduce_sum(
                self.episodes.free_blocks(memory), axis=1
            )
            count += tf.math.ceil(used / self.blocks_per_frame)
        said = capacity.warning(self, int(tf.reduce_max(count)), "memory_size")
        if said:
            warnings.warn(said.removeprefix("WARNING: "), stacklevel=4)

    def _written_and_read(
        self,
        episode: tf.Tensor,
        mask: tf.Tensor | None,
        written: tf.Tensor | None,
    ) -> tuple[Frames, MemoryView, Region]:
        """Writes an episode; frames that the memory holds are recalled."""
        memory, frames, writing = self._written(episode, mask, written)
        view = MemoryView(self.reader, memory)
        regions = self.regions.of_unseen(frames.embeddings, view, writing)
        unseen = self.bound.cheapest(frames, regions, view)
        held = writing.held()[..., tf.newaxis, tf.newaxis] > 0
        return frames, view, self.windows.recall(writing.blocks).where(held, unseen)

    def _queries(self, memory: Memory, queries: tf.Tensor) -> tuple[MemoryView, Frames]:
        """Frames that are not written, under a given memory."""
        queries = self.check_episode(queries)
        memory = self.check_memory(memory, queries.shape[0])
        embeddings = self.episodes.encode_queries(memory, queries)
        return MemoryView(self.reader, memory), self._frames(queries, embeddings)

    def _frames(self, images: tf.Tensor, embeddings: tf.Tensor) -> Frames:
        aim = None
        if self.aimed:
            key = self.slot_keys()[0]
            aim = recalled_means(self.latents, self.writer, key, embeddings)
        return Frames(images, embeddings, aim)

    def _log_likelihood(self, latents: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
        return self.likelihood.log_prob(self.decode(flat(latents)), images)

    def _checked_keys(self, keys: tf.Tensor, memory: Memory) -> tf.Tensor:
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

    def _check_causal(self, what: str) -> None:
        if self.encoder.shift == "bidirectional":
            raise UserError(
                f"{what} needs frames that see no later one; take "
                "encoder.shift='causal'. Received: shift='bidirectional'"
            )

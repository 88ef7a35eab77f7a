"""Kanerva++: a deterministic memory of blocks, indexed by keys in R^3."""

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kpp_tf import noise
from kpp_tf.errors import UserError
from kpp_tf.layers.block_memory.places import coarse_pixels, neighbour_loss
from kpp_tf.models import gaussians
from kpp_tf.models.elbo import Elbo, TrainingTerms, importance_weighted
from kpp_tf.models.kanerva_plus_plus.generator import Generator, flat
from kpp_tf.models.kanerva_plus_plus.keys import Region
from kpp_tf.models.kanerva_plus_plus.memory import Memory
from kpp_tf.models.kanerva_plus_plus.mixture import mixture
from kpp_tf.models.kanerva_plus_plus.readable import Prefixes, Whole


@keras.saving.register_keras_serializable(package="kpp_tf")
class KanervaPlusPlus(Generator):
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

    For the arguments see `BlockModel`.
    """

    config_name = "kanerva_plus_plus"

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

        Under a given `memory` nobody knows whether an image was written. The keys are
        those of `infer_keys`, which chooses; or, where the KLs are estimates by samples
        (`analytic=False`), the bound sums over all of its choices (see `mixture`).
        """
        if memory is None:
            written = self._written(episode, mask, written)
            memory, embeddings, region = self._look(episode, written)
            regions = [region]
        else:
            embeddings, regions = self._candidates(memory, episode)
        read = Whole(self.reader, memory).read
        if analytic:
            regions = [self._cheapest(episode, embeddings, regions, read)]
        return self._score(episode, seeds, mask, embeddings, regions, read, analytic)

    def training_terms(self, episode, seeds, mask=None, written=None, samples=1):
        """Every frame twice: recalled, and against what came before it alone.

        The bounds of `elbo` with all frames written and of `predictive_elbo` in one
        encoding, so that a step teaches the same images to be stored and to be known,
        with 0 to T - 1 frames in the memory. Some of either read windows of random
        widths (see `Windows`), so that a width comes to mean something with the
        image in the memory, too; and the places that images want learn from
        `neighbour_loss`. Which frames are `written` is nothing that has to be drawn.
        All `samples` of a frame have one encoding, and read by keys of one region.

        Returns:
          `TrainingTerms` of 2T scores: T recalled, then T predicted.
        """
        del written
        written = self._written(episode, mask, None)
        embeddings, carry = self._encode(episode, written)
        memory, writing = self._write(embeddings, carry, written)
        region = self.windows.practised_recall(writing.blocks, seeds)
        if self.rounding:
            memory = memory.roughened(self.rounding, seeds)
        read = Whole(self.reader, memory).read
        stored = self._taught(episode, seeds, mask, embeddings, region, read, samples)
        prefixes, _, looks = self._look_back(embeddings, writing)
        region, read = self.windows.practised_look(looks, seeds), prefixes.read
        unseen = self._taught(episode, seeds, mask, embeddings, region, read, samples)
        both = Elbo(
            *(tf.concat(terms, axis=1) for terms in zip(stored, unseen, strict=True))
        )
        return TrainingTerms(
            both,
            tf.tile(written, [1, 2]),
            tf.concat([writing.held(), tf.zeros_like(written)], axis=1),
            self._map_loss(episode, writing, written) * written,
        )

    def predictive_elbo(self, episode, seeds, mask=None, analytic=True) -> Elbo:
        """Terms of the bound of ln p(x_t | M(x_<t)), frame by frame: [B, T] each.

        Their sum over t bounds ln p(X): no frame is scored under a memory that has seen
        it or a later one. One encoding serves all prefixes, because a causal encoder
        gives the frames of a prefix the embeddings that they have in the whole.

        Args:
          episode: [B, T, H, W, C] in [0, 1].
          seeds: int32 [B, 2].
          mask: [B, T].
          analytic: whether each KL is computed where it can be, and frames look around;
            else it is estimated by a sample, and the bound sums over that and the
            recall of the nearest block, as if the frame were a copy of one before it.

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
        prefixes, nearest, looks = self._look_back(embeddings, writing)
        if analytic:
            regions = [self._cheapest(episode, embeddings, looks, prefixes.read)]
        else:
            regions = [self.windows.recall(nearest), *looks]
        read = prefixes.read
        return self._score(episode, seeds, mask, embeddings, regions, read, analytic)

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
        reading = Whole(self.reader, memory).read(keys)
        embeddings = self._queries(memory, queries)
        return self._terms(queries, seeds, mask, embeddings, None, keys, reading, True)

    def reconstruct(self, memory, queries, seeds, mask=None):
        del mask  # a query does not see the others
        return self.generate_from_keys(memory, self.infer_keys(memory, queries, seeds))

    def infer_keys(
        self, memory: Memory, queries: tf.Tensor, seeds: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Keys at which `memory` explains `queries` best.

        Regions are compared by the bound at the means: that of a recall of the block
        whose content is nearest to the query's, and those in which a frame looks that
        was not written. Nobody has to say whether it was.

        Args:
          memory: B memories.
          queries: [B, T, H, W, C] in [0, 1].
          seeds: int32 [B, 2] to draw the keys; None takes the regions' centres.

        Returns:
          float32 [B, T, K, 3].
        """
        embeddings, regions = self._candidates(memory, queries)
        read = Whole(self.reader, memory).read
        region = self._cheapest(queries, embeddings, regions, read)
        return (
            self.keys.mean(region) if seeds is None else self.keys.draw(region, seeds)
        )

    def key_posterior(self, episode, mask=None, written=None) -> tfd.Distribution:
        """q(Y|X) of the frames of an episode: batch [B, T, K], event [3]."""
        written = self._written(episode, mask, written)
        return self.keys.distribution(self._look(episode, written)[2])

    def _look(self, episode, written):
        """Writes, and where each frame looks: what is held is recalled."""
        embeddings, carry = self._encode(episode, written)
        memory, writing = self._write(embeddings, carry, written)
        whole = Whole(self.reader, memory)
        nearest = whole.nearest(writing.contents)
        looks = self._looks(embeddings, whole, writing.places, nearest)
        region = self._cheapest(episode, embeddings, looks, whole.read)
        held = writing.held()[..., tf.newaxis, tf.newaxis] > 0
        recall = self.windows.recall(writing.blocks)
        return memory, embeddings, recall.where(held, region)

    def _look_back(self, embeddings, writing):
        """What came before each frame, its nearest blocks there, and the looks."""
        prefixes = Prefixes(self.reader, writing)
        nearest = prefixes.nearest(writing.contents)
        looks = self._looks(embeddings, prefixes, writing.places, nearest)
        return prefixes, nearest, looks

    def _candidates(self, memory, queries):
        """Embeddings of queries; where they would be recalled, and where they look."""
        embeddings = self._queries(memory, queries)
        whole = Whole(self.reader, memory)
        nearest = whole.nearest(self.writer.contents(embeddings))
        places = self.writer.places(embeddings)
        looks = self._looks(embeddings, whole, places, nearest)
        return embeddings, [self.windows.recall(nearest), *looks]

    def _looks(self, embeddings, readable, places, nearest):
        features = tf.reduce_mean(embeddings, axis=[2, 3])
        return self.windows.looks(features, readable.fullness(), places, nearest)

    def _cheapest(self, episode, embeddings, regions, read) -> Region:
        """The region whose bound at the means is lowest, frame by frame."""
        best, lowest = regions[0], None
        for region in regions if len(regions) > 1 else ():
            keys = self.keys.mean(region)
            latents, cost = self._inferred(embeddings, keys, read(keys), None, True)
            cost += self.keys.kl(region, keys, analytic=True)
            cost -= self.likelihood.log_prob(self.decode(latents), episode)
            if lowest is not None:
                better = cost < lowest
                best = region.where(better[..., tf.newaxis, tf.newaxis], best)
                cost = tf.where(better, cost, lowest)
            lowest = cost
        return best

    def _map_loss(self, episode, writing, real):
        """How little the map says of who is alike: nats, float32 [B, 1].

        The map is one for all episodes, and images of all of them make pairs: few of
        one episode are alike.
        """
        loss = tf.zeros([1])
        if self.writer.place is not None:
            features = _in_one_row(coarse_pixels(episode))
            for k in range(self.blocks_per_frame):
                places = _in_one_row(writing.places[:, :, k])
                loss += neighbour_loss(places, features, _in_one_row(real))
        return tf.fill([tf.shape(episode)[0], 1], loss[0] / self.blocks_per_frame)

    def _taught(self, episode, seeds, mask, embeddings, region, read, samples):
        """What training learns of frames that read by keys of a region."""
        return importance_weighted(
            [
                self._score(
                    episode, own, mask, embeddings, [region], read, samples == 1
                )
                for own in noise.copies(seeds, samples)
            ]
        )

    def _score(self, episode, seeds, mask, embeddings, regions, read, analytic):
        """The bound by keys from one region of the cube, or summed over several."""
        seeds = noise.checked(seeds, embeddings.shape[0])
        drawn, elbos = [], []
        for number, region in enumerate(regions):
            own = noise.fold_in(seeds, number) if number else seeds
            keys = self.keys.draw(region, own)
            drawn.append(keys)
            elbos.append(
                self._terms(
                    episode, own, mask, embeddings, region, keys, read(keys), analytic
                )
            )
        if len(regions) == 1:
            return elbos[0]
        return Elbo.masked(mask, *mixture(self.keys, regions, drawn, elbos))

    def _terms(
        self, episode, seeds, mask, embeddings, region, keys, reading, analytic
    ) -> Elbo:
        drawn = self._noise(seeds, tf.shape(keys)[1])
        latents, kl = self._inferred(embeddings, keys, reading, drawn, analytic)
        return Elbo.masked(
            mask,
            self.likelihood.log_prob(self.decode(latents), episode),
            kl,
            None if region is None else self.keys.kl(region, keys, analytic),
        )

    def _inferred(self, embeddings, keys, reading, drawn, analytic):
        """Latents of q(Z|X, M-hat), relative to the prior, and their KL."""
        aim = self._recollection(embeddings) if self.aimed else None

        def posterior(mean, stddev):
            return self.latent_posterior(embeddings, mean, stddev, aim)

        found = self._drawn(self._prior(keys, reading), drawn, posterior)
        surprise = flat(found.surprise)
        kl = gaussians.kl(
            gaussians.diagonal(*map(flat, found.posterior)),
            gaussians.standard(surprise.shape[-1]),
            surprise,
            analytic,
        )
        return flat(found.latents), kl

    def _recollection(self, embeddings):
        """Mean latents, were the images held and recalled: float32 [B, T, P, P, L].

        What the decoder learns of recalled images so serves for the others as well.
        """
        contents = self.writer.contents(embeddings)
        batch, length, count = tf.unstack(tf.shape(contents)[:3])
        keys = tf.broadcast_to(self.slot_keys()[0], [batch, length, count, 3])
        covered = tf.ones([batch, length, count, self.block_size**2])
        return self._prior(keys, (contents, covered))[0]


def _in_one_row(frames):
    """[B, T, ...] to [1, N, ...]: those of all replicas, which so train as one."""
    size = frames.shape[2:]
    replica = tf.distribute.get_replica_context()
    if replica is not None and replica.num_replicas_in_sync > 1:
        # A copy: what a step is given, as a mask is, lies on no replica's device.
        frames = replica.all_gather(tf.identity(frames), axis=0)
    return tf.reshape(frames, [1, -1, *size])

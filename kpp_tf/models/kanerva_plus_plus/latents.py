"""The latents Z: drawn from p(Z|M-hat, Y), or from q(Z|X, M-hat) relative to it."""

import tensorflow as tf

from kpp_tf import noise
from kpp_tf.layers.block_memory.reader import WindowReader
from kpp_tf.models.kanerva_plus_plus.latent_layers import (
    Gaussian,
    LatentPrior,
    RelativeGaussian,
)
from kpp_tf.models.kanerva_plus_plus.options.groups import Drawn, draw_in_groups, flat
from kpp_tf.models.kanerva_plus_plus.views import Reading
from kpp_tf.noise import Stream


class Latents:
    """What draws the latents of K++, from layers that the model owns.

    Args:
      reader: of the memory; it says how wide a window is.
      prior: p(Z|M-hat, Y).
      posterior: q(Z|X, M-hat), relative to the prior.
      chain: p(z_g|z_<g, M-hat), relative to the prior; None with one group.
      groups: G; see `draw_in_groups`.
      blocks_per_frame: K.
    """

    def __init__(
        self,
        reader: WindowReader,
        prior: LatentPrior,
        posterior: RelativeGaussian,
        chain: RelativeGaussian | None,
        groups: int,
        blocks_per_frame: int,
    ):
        self.reader = reader
        self.prior = prior
        self.posterior = posterior
        self.chain = chain
        self.groups = groups
        self.blocks_per_frame = blocks_per_frame

    def noise(self, seeds: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
        """Standard normal noise float32 [B, T, P*P*L] for latents."""
        size = self.prior.block_size**2 * self.prior.size
        return noise.normal(seeds, (length, size), Stream.LATENTS)

    def sample(
        self, keys: tf.Tensor, reading: Reading, drawn: tf.Tensor | None
    ) -> tf.Tensor:
        """z ~ p(Z|M-hat, Y).

        Args:
          keys: [B, T, K, 3].
          reading: what the keys read.
          drawn: noise [B, T, P*P*L]; None takes the means, group by group.

        Returns:
          float32 [B, T, P*P*L].
        """
        prior = self.prior_of(keys, reading)
        drawn = self._as_maps(prior, drawn)
        return flat(draw_in_groups(self.groups, prior, drawn, self.chain).latents)

    def infer(
        self,
        embeddings: tf.Tensor,
        aim: tf.Tensor | None,
        keys: tf.Tensor,
        reading: Reading,
        drawn: tf.Tensor | None,
    ) -> Drawn:
        """z ~ q(Z|X, M-hat), and its surprise under the prior.

        Args:
          embeddings: float32 [B, T, P, P, F].
          aim: float32 [B, T, P, P, L] or None; see `options/aim.py`.
          keys: [B, T, K, 3].
          reading: what the keys read.
          drawn: noise [B, T, P*P*L]; None takes the means.
        """
        prior = self.prior_of(keys, reading)
        return draw_in_groups(
            self.groups,
            prior,
            self._as_maps(prior, drawn),
            self.chain,
            lambda mean, stddev: self.posterior(embeddings, mean, stddev, aim),
        )

    def prior_of(self, keys: tf.Tensor, reading: Reading) -> Gaussian:
        """Mean and standard deviation of p(Z|M-hat, Y): float32 [B, T, P, P, L] each.

        The prior hears how much of each window is covered, how wide the window is, and
        how many blocks it holds.
        """
        blocks, covered = reading
        batch, length = tf.unstack(tf.shape(keys)[:2])
        size, depth = self.prior.block_size, blocks.shape[-1]
        count = self.blocks_per_frame
        maps = [batch, length, size, size]
        blocks = tf.reshape(blocks, [-1, count, size**2, depth])
        blocks = tf.transpose(blocks, [0, 2, 1, 3])
        blocks = tf.reshape(blocks, [*maps, count * depth])
        covered = tf.reshape(covered, [-1, count, size**2])
        covered = tf.reshape(tf.transpose(covered, [0, 2, 1]), [*maps, count])
        scales = keys[:, :, tf.newaxis, tf.newaxis, :, 0]
        breadth = self.reader.breadth(scales) * tf.ones_like(covered)
        areas = self.reader.widths(scales) ** 2
        number = tf.math.log1p(covered * areas)
        context = tf.concat([covered, breadth, number], axis=-1)
        context = tf.ensure_shape(context, [None, None, size, size, 3 * count])
        # A block's share of its window: a mean of many is no image's own.
        share = tf.repeat(1 / tf.maximum(areas, 1.0), depth, axis=-1)
        return self.prior(blocks, blocks * share, context)

    def _as_maps(self, prior: Gaussian, drawn: tf.Tensor | None) -> tf.Tensor:
        if drawn is None:
            return tf.zeros_like(prior[0])
        return tf.reshape(drawn, tf.shape(prior[0]))

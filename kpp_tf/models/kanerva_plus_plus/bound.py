"""Scores frames by the bound of ln p(x|M), given where their keys lie."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from kpp_tf import noise
from kpp_tf.models.elbo import Elbo, importance_weighted
from kpp_tf.models.kanerva_plus_plus.keys import KeyFamily, Region
from kpp_tf.models.kanerva_plus_plus.latents import Latents
from kpp_tf.models.kanerva_plus_plus.mixture import mixture
from kpp_tf.models.kanerva_plus_plus.options.groups import Drawn
from kpp_tf.models.kanerva_plus_plus.views import View


class Frames(NamedTuple):
    """Images that are scored, and what is known of them.

    Attributes:
      images: X, [B, T, H, W, C] in [0, 1].
      embeddings: E, float32 [B, T, P, P, F].
      aim: see `options/aim.py`; None for latents that are vectors.
      seeds: int32 [B, 2], of keys and latents; None where nothing is drawn.
      mask: [B, T], 0 for padding; None: all are images.
    """

    images: tf.Tensor
    embeddings: tf.Tensor
    aim: tf.Tensor | None
    seeds: tf.Tensor | None = None
    mask: tf.Tensor | None = None

    def drawn_with(self, seeds: tf.Tensor, mask: tf.Tensor | None) -> "Frames":
        """The same frames with seeds [B, 2] and a mask [B, T]."""
        seeds = noise.checked(seeds, self.embeddings.shape[0])
        return self._replace(seeds=seeds, mask=mask)


class Bound:
    """ln p(x|M) >= E_q ln p(x|Z) - E_q KL[q(Z) || p(Z|M-hat)] - KL[q(Y) || p(Y)].

    Args:
      keys: the family of q(Y|X).
      latents: p(Z|M-hat, Y) and q(Z|X, M-hat).
      log_likelihood: ln p(x|Z) in nats, [B, T], of latents [B, T, P, P, L] and images.
    """

    def __init__(
        self,
        keys: KeyFamily,
        latents: Latents,
        log_likelihood: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    ):
        self.keys = keys
        self.latents = latents
        self.log_likelihood = log_likelihood

    def at_keys(
        self,
        frames: Frames,
        keys: tf.Tensor,
        view: View,
        analytic: bool,
        kl_keys: tf.Tensor | None = None,
    ) -> Elbo:
        """Terms at keys [B, T, K, 3]: z ~ q(Z|X, M-hat), its KL, and ln p(x|Z).

        Args:
          frames: with seeds.
          keys: at which the view is read.
          view: what the frames may read.
          analytic: whether the KL of the latents is in closed form.
          kl_keys: what the keys cost, [B, T]; None: nothing.
        """
        drawn = self.latents.noise(frames.seeds, tf.shape(keys)[1])
        found = self._infer(frames, keys, view, drawn)
        log_likelihood = self.log_likelihood(found.latents, frames.images)
        return Elbo.masked(frames.mask, log_likelihood, found.kl(analytic), kl_keys)

    def in_region(
        self, frames: Frames, region: Region, view: View, samples: int = 1
    ) -> Elbo:
        """The importance-weighted bound of samples from one region; of one, the bound.

        KLs are in closed form for one sample.
        """
        return importance_weighted(
            [
                self._in_region(
                    frames._replace(seeds=own), region, view, analytic=samples == 1
                )[0]
                for own in noise.copies(frames.seeds, samples)
            ]
        )

    def over_regions(
        self, frames: Frames, regions: list[Region], view: View, analytic: bool
    ) -> Elbo:
        """The bound over candidate regions: in the cheapest, or summed over all.

        Args:
          frames: with seeds.
          regions: candidates.
          view: what the frames may read.
          analytic: the cheapest, and KLs in closed form. False estimates KLs at one
            sample in each region, and sums over the regions; see `mixture`.
        """
        if analytic:
            return self.in_region(frames, self.cheapest(frames, regions, view), view)
        copies = noise.copies(frames.seeds, len(regions))
        scores = [
            self._in_region(frames._replace(seeds=own), region, view, analytic=False)
            for own, region in zip(copies, regions, strict=True)
        ]
        elbos, keys = zip(*scores, strict=True)
        if len(regions) == 1:
            return elbos[0]
        return Elbo.masked(frames.mask, *mixture(self.keys, regions, keys, elbos))

    def cheapest(self, frames: Frames, regions: list[Region], view: View) -> Region:
        """The region whose bound at the means is lowest, frame by frame."""
        if len(regions) == 1:
            return regions[0]
        best, lowest = regions[0], None
        for region in regions:
            keys = self.keys.mean(region)
            found = self._infer(frames, keys, view, None)
            cost = found.kl(analytic=True) + self.keys.kl(region, keys, analytic=True)
            cost -= self.log_likelihood(found.latents, frames.images)
            if lowest is not None:
                better = cost < lowest
                best = region.where(better[..., tf.newaxis, tf.newaxis], best)
                cost = tf.where(better, cost, lowest)
            lowest = cost
        return best

    def _in_region(
        self, frames: Frames, region: Region, view: View, analytic: bool
    ) -> tuple[Elbo, tf.Tensor]:
        """Terms at keys drawn from a region, and the keys."""
        keys = self.keys.draw(region, frames.seeds)
        kl_keys = self.keys.kl(region, keys, analytic)
        return self.at_keys(frames, keys, view, analytic, kl_keys), keys

    def _infer(
        self, frames: Frames, keys: tf.Tensor, view: View, drawn: tf.Tensor | None
    ) -> Drawn:
        return self.latents.infer(
            frames.embeddings, frames.aim, keys, view.read(keys), drawn
        )

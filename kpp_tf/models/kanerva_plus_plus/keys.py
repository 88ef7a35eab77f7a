"""q(Y|X): two families of key posteriors; the prior p(Y) is N(0, I) for both.

A posterior is given by a region, a centre and a half-width in the unit cube. Phi maps
keys into that cube, and the prior covers it evenly.

"gaussian" is the source's family, y ~ N(mean, stddev^2). The mean lies in the middle of
the region; stddev is that of a uniform draw from the region, carried to the key by the
slope of Phi there, and at most 1, the prior's.

"box" is the prior restricted to the region and renormalised:

    q(y) = p(y) 1[low < Phi(y) < high] / (high - low),      for each coordinate,
    KL[q || p] = - sum ln(high - low).

Its KL is the price of naming a rectangle of the memory. A Gaussian has tails, and a
tail that reads a neighbour costs hundreds of nats, so it has to be narrow; a box has
none, and may fill all of the place in which a read does not change.

Reference: a box is a truncated normal distribution, e.g. Robert, "Simulation of
truncated normal variables", Statistics and Computing 5 (1995).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kpp_tf import noise
from kpp_tf.layers.block_memory.reader import normal_quantile
from kpp_tf.models import gaussians
from kpp_tf.noise import Stream

EDGE = 1e-4  # keys end here before 0 and 1 of the cube, so that they are finite


class Region(NamedTuple):
    """A part of the unit cube of keys: centre and half-width, each [B, T, K, 3]."""

    centre: tf.Tensor
    half_width: tf.Tensor

    def where(self, chosen: tf.Tensor, other: Region) -> Region:
        """This region where `chosen` (bool [B, T, K or 1, 1]), elsewhere the other."""
        return Region(
            *(tf.where(chosen, a, b) for a, b in zip(self, other, strict=True))
        )


class BoxKeys:
    """Draws from the prior within a box, cut at the faces of the cube."""

    has_tails = False

    def distribution(self, region: Region) -> tfd.Distribution:
        """q(Y|X): batch [B, T, K], event [3]."""
        low, high = _edges(region)
        quantile = tfd.Normal(0.0, 1.0).quantile
        return tfd.Independent(
            tfd.TruncatedNormal(0.0, 1.0, quantile(low), quantile(high)), 1
        )

    def mean(self, region: Region) -> tf.Tensor:
        """The key in the middle of the box: [B, T, K, 3]."""
        return _middle(region)

    def draw(self, region: Region, seeds: tf.Tensor) -> tf.Tensor:
        """A reparametrised sample [B, T, K, 3]."""
        low, high = _edges(region)
        shape = tuple(tf.unstack(tf.shape(low)[1:]))
        share = noise.uniform(seeds, shape, Stream.KEYS)
        return tfd.Normal(0.0, 1.0).quantile(low + (high - low) * share)

    def kl(self, region: Region, keys: tf.Tensor, analytic: bool) -> tf.Tensor:
        """KL[q || p] in nats, summed over K and the coordinates: [B, T].

        ln q - ln p is the same everywhere in a box: the estimate is the KL.
        """
        del keys, analytic
        low, high = _edges(region)
        return -tf.reduce_sum(tf.math.log(high - low), axis=[-2, -1])

    def log_ratio(self, region: Region, keys: tf.Tensor) -> tf.Tensor:
        """ln q(Y|X) - ln p(Y) at any keys: [B, T], minus infinity outside the box."""
        low, high = _edges(region)
        share = tfd.Normal(0.0, 1.0).cdf(keys)
        inside = tf.reduce_all((share >= low) & (share <= high), axis=[-2, -1])
        return tf.where(inside, self.kl(region, keys, analytic=False), -math.inf)


class GaussianKeys:
    """The source's family."""

    has_tails = True

    def distribution(self, region: Region) -> tfd.Distribution:
        """q(Y|X): batch [B, T, K], event [3]."""
        low, high = _edges(region)
        normal = tfd.Normal(0.0, 1.0)
        mean = normal.quantile(0.5 * (low + high))
        stddev = (high - low) / math.sqrt(12) / normal.prob(mean)
        return gaussians.diagonal(mean, tf.minimum(stddev, 1.0))

    def mean(self, region: Region) -> tf.Tensor:
        """The mean key: [B, T, K, 3]."""
        return _middle(region)

    def draw(self, region: Region, seeds: tf.Tensor) -> tf.Tensor:
        """A reparametrised sample [B, T, K, 3]."""
        return gaussians.draw(self.distribution(region), seeds, Stream.KEYS)

    def kl(self, region: Region, keys: tf.Tensor, analytic: bool) -> tf.Tensor:
        """KL[q || p] in nats, summed over K and the coordinates: [B, T]."""
        posterior, prior = self.distribution(region), gaussians.standard(3)
        return tf.reduce_sum(gaussians.kl(posterior, prior, keys, analytic), axis=-1)

    def log_ratio(self, region: Region, keys: tf.Tensor) -> tf.Tensor:
        """ln q(Y|X) - ln p(Y) at any keys: [B, T]."""
        return self.kl(region, keys, analytic=False)


KeyFamily = BoxKeys | GaussianKeys

FAMILIES: dict[str, type[KeyFamily]] = {
    "box": BoxKeys,
    "gaussian": GaussianKeys,
}


def _edges(region: Region) -> tuple[tf.Tensor, tf.Tensor]:
    low = tf.clip_by_value(region.centre - region.half_width, EDGE, 1 - 2 * EDGE)
    high = tf.minimum(region.centre + region.half_width, 1 - EDGE)
    return low, tf.maximum(high, low + EDGE)


def _middle(region: Region) -> tf.Tensor:
    low, high = _edges(region)
    return normal_quantile(0.5 * (low + high))

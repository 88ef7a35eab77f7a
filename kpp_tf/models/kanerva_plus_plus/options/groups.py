"""Latents in groups, each given the groups before it (`model.latent_groups`)."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from kpp_tf.models import gaussians
from kpp_tf.models.kanerva_plus_plus.latent_layers import FARTHEST, Gaussian


class Drawn(NamedTuple):
    """Latents, and how they differ from what the prior expected.

    Attributes:
      latents: float32 [B, T, P, P, L].
      surprise: the same in units of the prior given the groups before, so that it is
        N(0, 1) if drawn from the prior.
      posterior: mean and standard deviation of the surprise.
    """

    latents: tf.Tensor
    surprise: tf.Tensor
    posterior: Gaussian

    def kl(self, analytic: bool) -> tf.Tensor:
        """KL[q(Z|X, M-hat) || p(Z|M-hat, Y)] in nats, or its estimate: [B, T]."""
        surprise = flat(self.surprise)
        posterior = gaussians.diagonal(*map(flat, self.posterior))
        prior = gaussians.standard(surprise.shape[-1])
        return gaussians.kl(posterior, prior, surprise, analytic)


def draw_in_groups(
    groups: int,
    prior: Gaussian,
    drawn: tf.Tensor,
    chain: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], Gaussian] | None,
    posterior: Callable[[tf.Tensor, tf.Tensor], Gaussian] | None = None,
) -> Drawn:
    """Draws z = (z_1, ..., z_G), equal shares of the L latents, one after the other.

        z = mu + sigma u
        p(u_1|M-hat) = N(0, 1),   p(u_g|u_<g, M-hat) = N(m, s^2),   m, s from u_<g

    with mu and sigma from the prior of the blocks. Where sigma is small, because a
    block was recalled, no u matters. The surprise is (u - m) / s, and q a Gaussian over
    it. One group needs no chain: then z ~ N(mu, sigma^2), or q relative to that.

    Args:
      groups: G.
      prior: mu and sigma.
      drawn: standard normal noise [B, T, P, P, L]; 0 takes the means.
      chain: (u, mu, sigma) to (m, s); u lies within FARTHEST, and is 0 where it is not
        drawn yet. None with one group.
      posterior: mean and standard deviation of the prior to those of q; for groups that
        are drawn already, the mean is what was drawn. None draws from the prior.
    """
    mean, stddev = prior
    size = mean.shape[-1] // groups
    known = mean[..., :0]  # u_<g
    surprises, posteriors = [], []
    for group in range(groups):
        first, last = group * size, (group + 1) * size
        ahead = tf.zeros_like(mean[..., first:])
        shift, scale = tf.zeros_like(mean), tf.ones_like(mean)
        if group and chain is not None:
            seen = tf.clip_by_value(known, -FARTHEST, FARTHEST)
            shift, scale = chain(tf.concat([seen, ahead], axis=-1), mean, stddev)
        found = tf.zeros_like(mean), tf.ones_like(mean)
        if posterior is not None:
            expected = tf.concat([known, shift[..., first:]], axis=-1)
            found = posterior(mean + stddev * expected, stddev * scale)
        own = found[0][..., first:last], found[1][..., first:last]
        posteriors.append(own)
        surprises.append(own[0] + own[1] * drawn[..., first:last])
        new = shift[..., first:last] + scale[..., first:last] * surprises[-1]
        known = tf.concat([known, new], axis=-1)
    means, stddevs = (tf.concat(parts, -1) for parts in zip(*posteriors, strict=True))
    surprise = tf.concat(surprises, axis=-1)
    return Drawn(mean + stddev * known, surprise, (means, stddevs))


def flat(maps: tf.Tensor) -> tf.Tensor:
    """[B, T, P, P, L] to [B, T, P*P*L]."""
    batch, length = tf.unstack(tf.shape(maps)[:2])
    size = maps.shape[2] * maps.shape[3] * maps.shape[4]
    return tf.reshape(maps, [batch, length, size])

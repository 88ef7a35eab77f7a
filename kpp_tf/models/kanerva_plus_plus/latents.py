"""p(Z|M-hat) and q(Z|X, M-hat): Gaussians over maps of latents, group by group."""

import math
from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

MIN_STDDEV = 1e-4
# Of a latent that later groups hear of, in standard deviations. Without a limit one far
# off makes the next farther: single images cost a million nats and more in training.
FARTHEST = 5.0

Gaussian = tuple[tf.Tensor, tf.Tensor]  # mean and standard deviation


class _OverMaps(keras.layers.Layer):
    """Two residual layers over a block's cells, dense where it is one cell.

    Args:
      size: L.
      block_size: P.
      hidden: features of the hidden layers.
    """

    def __init__(self, size: int, block_size: int, hidden: int, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.size = size
        self.block_size = block_size
        self.hidden = hidden
        kernel = 1 if block_size == 1 else 3
        self.first = _layer(hidden, kernel, "first")
        self.second = _layer(hidden, kernel, "second")


@keras.saving.register_keras_serializable(package="kpp_tf")
class LatentPrior(_OverMaps):
    """Mean and standard deviation of p(Z|M-hat) from the blocks that were read.

        h = f(block, context),   mean = W_0 own + W_1 h,   stddev = g(W_2 h)

    with residual convolutions f over the block's cells (dense where it is one cell).
    The linear way W_0 lets a recalled block reach the decoder from the first step on.
    A wide window's mean of many is no image's own, and goes the other way alone.

    For the arguments see `_OverMaps`.
    """

    def __init__(self, size: int, block_size: int, hidden: int, **kwargs):
        super().__init__(size, block_size, hidden, **kwargs)
        self.linear = keras.layers.Dense(
            size,
            use_bias=False,
            kernel_initializer="orthogonal",
            dtype="float32",
            name="linear",
        )
        # KLs are taken between what these give: float32 under any policy.
        zeros = {"kernel_initializer": "zeros", "dtype": "float32"}
        self.mean = keras.layers.Dense(size, name="mean", **zeros)
        self.stddev = keras.layers.Dense(size, name="stddev", **zeros)

    def build(self, blocks_shape, own_shape, context_shape):
        del own_shape
        side, channels = self.block_size, blocks_shape[-1]
        self.first.build((None, side, side, channels + context_shape[-1]))
        for layer in (self.second, self.mean, self.stddev):
            layer.build((None, side, side, self.hidden))
        self.linear.build((None, side, side, channels))
        self.built = True

    def call(self, blocks: tf.Tensor, own: tf.Tensor, context: tf.Tensor) -> Gaussian:
        """Computes the parameters.

        Args:
          blocks: [B, T, P, P, K*D], what was read; 0 where nothing is covered.
          own: the same, each times one block's share of its window.
          context: [B, T, P, P, C]: how much was covered, and how wide the windows are.

        Returns:
          (mean, stddev), each float32 [B, T, P, P, L].
        """
        frames, restore = _flat(blocks, self.size)
        features = self.first(tf.concat([frames, _flat(context)[0]], axis=-1))
        features += self.second(features)
        mean = self.linear(_flat(own)[0]) + self.mean(features)
        # 1 at the start.
        raw = self.stddev(features) + math.log(math.e - 1)
        return restore(mean), restore(MIN_STDDEV + tf.nn.softplus(raw))


@keras.saving.register_keras_serializable(package="kpp_tf")
class RelativeGaussian(_OverMaps):
    """A Gaussian over latents, relative to another one, N(mu, sigma^2).

        N(mu + sigma a, (sigma b)^2),   a, b from features, mu and ln sigma.

    At the start a = 0 and b = 1: it is the other one, and the KL between them is 0. As
    q(Z|X, M-hat), relative to the prior, what the memory knows is never learned twice,
    and where the prior is sharp, because the image was recalled, so is the posterior.
    The KL is a's and b's alone, and never a difference of two numbers near mu.

    With an `aim`, a share c of the way there is in a, which starts at 0 as well:

        a + c (aim - mu) / sigma,   c from what a and b are from.

    Reference: Vahdat, Kautz, "NVAE: A Deep Hierarchical Variational Autoencoder",
    NeurIPS 2020.

    Args:
      size, block_size, hidden: see `_OverMaps`.
      aimed: whether calls have an aim.
    """

    def __init__(
        self, size: int, block_size: int, hidden: int, aimed: bool = False, **kwargs
    ):
        super().__init__(size, block_size, hidden, **kwargs)
        # Float32 under any policy, as the prior's are.
        zeros = {"kernel_initializer": "zeros", "dtype": "float32"}
        self.share = None
        if aimed:
            self.share = keras.layers.Dense(size, name="share", **zeros)
        self.move = keras.layers.Dense(size, name="move", **zeros)
        self.spread = keras.layers.Dense(size, name="spread", **zeros)

    def build(self, features_shape, mean_shape, stddev_shape=None, aim_shape=None):
        del mean_shape, stddev_shape, aim_shape
        side = self.block_size
        self.first.build((None, side, side, features_shape[-1] + 2 * self.size))
        for layer in filter(None, (self.second, self.move, self.spread, self.share)):
            layer.build((None, side, side, self.hidden))
        self.built = True

    def call(
        self,
        features: tf.Tensor,
        mean: tf.Tensor,
        stddev: tf.Tensor,
        aim: tf.Tensor | None = None,
    ) -> Gaussian:
        """Computes the parameters.

        Args:
          features: [B, T, P, P, F].
          mean: mu, float32 [B, T, P, P, L].
          stddev: sigma, the same shape.
          aim: the same shape.

        Returns:
          (a, b), each float32 [B, T, P, P, L].
        """
        known = tf.concat([mean, tf.math.log(stddev)], axis=-1)
        frames, restore = _flat(tf.concat([features, known], axis=-1), self.size)
        hidden = self.first(frames)
        hidden += self.second(hidden)
        spread = tf.nn.softplus(restore(self.spread(hidden)) + math.log(math.e - 1))
        move = restore(self.move(hidden))
        if self.share is not None and aim is not None:
            way = tf.clip_by_value((aim - mean) / stddev, -FARTHEST, FARTHEST)
            move += restore(self.share(hidden)) * way
        return move, spread + 1e-3


class Drawn(NamedTuple):
    """Latents, and how they differ from what was expected of them.

    All float32 [B, T, P, P, L].
    """

    latents: tf.Tensor
    # In units of the prior, given the groups before: N(0, 1) if drawn from it.
    surprise: tf.Tensor
    posterior: Gaussian  # of the surprise


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

    with mu and sigma by the blocks' prior. Where sigma is small, because a block was
    recalled, no u matters. The surprise is (u - m) / s, and q a Gaussian over it.

    Args:
      groups: G.
      prior: mu and sigma.
      drawn: standard normal noise [B, T, P, P, L]; 0 takes the means.
      chain: from u, within FARTHEST and 0 where it is not known yet, mu and sigma to m
        and s; None is for one group alone.
      posterior: from mean and standard deviation of the prior to those of q; the mean
        is what was drawn, where it was. None draws from the prior.
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
        own = tuple(part[..., first:last] for part in found)
        posteriors.append(own)
        surprises.append(own[0] + own[1] * drawn[..., first:last])
        new = shift[..., first:last] + scale[..., first:last] * surprises[-1]
        known = tf.concat([known, new], axis=-1)
    means, stddevs = (tf.concat(parts, -1) for parts in zip(*posteriors, strict=True))
    surprise = tf.concat(surprises, axis=-1)
    return Drawn(mean + stddev * known, surprise, (means, stddevs))


def _layer(size, kernel, name):
    shared = {"activation": "silu", "name": name}
    if kernel == 1:
        return keras.layers.Dense(size, **shared)
    return keras.layers.Conv2D(size, kernel, padding="same", **shared)


def _flat(maps, channels=None):
    """[B, T, P, P, C] to [N, P, P, C], and the way back with other channels."""
    batch, length = tf.unstack(tf.shape(maps)[:2])
    side = maps.shape[2]
    frames = tf.reshape(maps, [batch * length, side, side, maps.shape[-1]])
    # As in `any_length`: one blank frame more, as convolutions need one.
    blank = int(side > 1)
    frames = tf.pad(frames, [[0, blank], [0, 0], [0, 0], [0, 0]]) if blank else frames

    def restore(out):
        shape = [batch, length, side, side, channels]
        return tf.reshape(out[: batch * length], shape)

    return frames, restore

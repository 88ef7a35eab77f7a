"""The networks of p(Z|M-hat, Y) and q(Z|X, M-hat): Gaussians over maps of latents."""

import math
from typing import Any

import keras
import tensorflow as tf

from kpp_tf.layers.each_frame import padded_if_empty

MIN_STDDEV = 1e-4
# Limit, in standard deviations, of a latent that later groups see. Without it one
# outlier makes the next larger: single images cost a million nats in training.
FARTHEST = 5.0

Gaussian = tuple[tf.Tensor, tf.Tensor]  # mean and standard deviation

# KLs are taken between the outputs of heads: float32 under any policy.
_HEAD = {"kernel_initializer": "zeros", "dtype": "float32"}
_LN_E_MINUS_1 = math.log(math.e - 1)  # softplus of it is 1


class _OverMaps(keras.layers.Layer):
    """Two residual layers over a block's cells, dense where a block is one cell.

    Args:
      size: L.
      block_size: P.
      hidden: features of the hidden layers.
    """

    def __init__(self, size: int, block_size: int, hidden: int, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.size = size
        self.block_size = block_size
        self.hidden = hidden
        self.first = self._hidden_layer("first")
        self.second = self._hidden_layer("second")

    def _hidden_layer(self, name: str) -> keras.layers.Layer:
        if self.block_size == 1:
            return keras.layers.Dense(self.hidden, activation="silu", name=name)
        return keras.layers.Conv2D(
            self.hidden, 3, padding="same", activation="silu", name=name
        )

    def build_hidden(self, channels: int, *heads: keras.layers.Layer) -> None:
        """Builds the hidden layers for so many input channels, and their heads."""
        side = self.block_size
        self.first.build((None, side, side, channels))
        for layer in (self.second, *heads):
            layer.build((None, side, side, self.hidden))
        self.built = True

    def features(self, frames: tf.Tensor) -> tf.Tensor:
        """[N, P, P, C] to [N, P, P, hidden]."""
        features = self.first(frames)
        return features + self.second(features)

    def as_frames(self, maps: tf.Tensor) -> tf.Tensor:
        """[B, T, P, P, C] to [N, P, P, C], as layers take them."""
        batch, length = tf.unstack(tf.shape(maps)[:2])
        frames = tf.reshape(maps, [batch * length, *maps.shape[2:]])
        return frames if self.block_size == 1 else padded_if_empty(frames, 0)

    def as_maps(self, frames: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
        """[N, P, P, L] to [B, T, P, P, L], with B and T of `like`."""
        batch, length = tf.unstack(tf.shape(like)[:2])
        shape = [batch, length, self.block_size, self.block_size, self.size]
        return tf.reshape(frames[: batch * length], shape)


@keras.saving.register_keras_serializable(package="kpp_tf")
class LatentPrior(_OverMaps):
    """Mean and standard deviation of p(Z|M-hat, Y) from the blocks that were read.

        h = f(blocks, context),   mean = W_0 own + W_1 h,   stddev = g(W_2 h)

    with residual convolutions f over the block's cells (dense where it is one cell).
    The linear path W_0 lets a recalled block reach the decoder from the first step on.
    The mean of many blocks, which a wide window reads, takes the other path alone.

    For the arguments see `_OverMaps`.
    """

    def __init__(self, size: int, block_size: int, hidden: int, **kwargs: Any):
        super().__init__(size, block_size, hidden, **kwargs)
        self.linear = keras.layers.Dense(
            size,
            use_bias=False,
            kernel_initializer="orthogonal",
            dtype="float32",
            name="linear",
        )
        self.mean = keras.layers.Dense(size, name="mean", **_HEAD)
        self.stddev = keras.layers.Dense(size, name="stddev", **_HEAD)

    def build(self, blocks_shape: Any, own_shape: Any, context_shape: Any) -> None:
        """Builds for blocks, own and context; see `call`."""
        del own_shape
        side, channels = self.block_size, blocks_shape[-1]
        self.linear.build((None, side, side, channels))
        self.build_hidden(channels + context_shape[-1], self.mean, self.stddev)

    def call(self, blocks: tf.Tensor, own: tf.Tensor, context: tf.Tensor) -> Gaussian:
        """Computes the parameters.

        Args:
          blocks: [B, T, P, P, K*D], what was read; 0 where nothing is covered.
          own: the same, each times one block's share of its window.
          context: [B, T, P, P, C]: how much was covered, and how wide the windows are.

        Returns:
          (mean, stddev), each float32 [B, T, P, P, L].
        """
        features = self.features(
            tf.concat([self.as_frames(blocks), self.as_frames(context)], axis=-1)
        )
        mean = self.linear(self.as_frames(own)) + self.mean(features)
        stddev = tf.nn.softplus(self.stddev(features) + _LN_E_MINUS_1)  # 1 at the start
        return (
            self.as_maps(mean, blocks),
            self.as_maps(MIN_STDDEV + stddev, blocks),
        )


@keras.saving.register_keras_serializable(package="kpp_tf")
class RelativeGaussian(_OverMaps):
    """A Gaussian over latents, relative to another one, N(mu, sigma^2).

        N(mu + sigma a, (sigma b)^2),   a, b from features, mu and ln sigma.

    At the start a = 0 and b = 1: it equals the other one, and the KL between them is 0.
    As q(Z|X, M-hat), relative to the prior, it never learns again what the memory
    knows; where the prior is sharp, because the image was recalled, so is the
    posterior. The KL depends on a and b alone, never on a difference of two numbers
    near mu.

    With an `aim`, a moves a learned share c of the way there, which starts at 0:

        a + c (aim - mu) / sigma,   c from what a and b are from.

    Reference: Vahdat, Kautz, "NVAE: A Deep Hierarchical Variational Autoencoder",
    NeurIPS 2020.

    Args:
      size, block_size, hidden: see `_OverMaps`.
      aimed: whether calls have an aim.
    """

    def __init__(
        self,
        size: int,
        block_size: int,
        hidden: int,
        aimed: bool = False,
        **kwargs: Any,
    ):
        super().__init__(size, block_size, hidden, **kwargs)
        self.share = None
        if aimed:
            self.share = keras.layers.Dense(size, name="share", **_HEAD)
        self.move = keras.layers.Dense(size, name="move", **_HEAD)
        self.spread = keras.layers.Dense(size, name="spread", **_HEAD)

    def build(
        self,
        features_shape: Any,
        mean_shape: Any,
        stddev_shape: Any = None,
        aim_shape: Any = None,
    ) -> None:
        """Builds for features; see `call`."""
        del mean_shape, stddev_shape, aim_shape
        heads = filter(None, (self.move, self.spread, self.share))
        self.build_hidden(features_shape[-1] + 2 * self.size, *heads)

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
        known = tf.concat([features, mean, tf.math.log(stddev)], axis=-1)
        hidden = self.features(self.as_frames(known))
        spread = self.as_maps(self.spread(hidden), mean) + _LN_E_MINUS_1
        move = self.as_maps(self.move(hidden), mean)
        if self.share is not None and aim is not None:
            way = tf.clip_by_value((aim - mean) / stddev, -FARTHEST, FARTHEST)
            move += self.as_maps(self.share(hidden), mean) * way
        return move, tf.nn.softplus(spread) + 1e-3

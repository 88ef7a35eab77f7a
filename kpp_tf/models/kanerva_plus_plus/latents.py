"""p(Z|M-hat) and q(Z|X, M-hat): Gaussians over maps of latent variables."""

import math

import keras
import tensorflow as tf

MIN_STDDEV = 1e-4


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

    def call(
        self, blocks: tf.Tensor, own: tf.Tensor, context: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
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
class RelativePosterior(_OverMaps):
    """q(Z|X, M-hat), relative to the prior N(mu, sigma^2).

        q = N(mu + sigma a, (sigma b)^2),   a, b from E, mu and ln sigma.

    At the start a = 0 and b = 1: it is the prior, and its KL is 0. What the memory
    knows is then never learned twice, and where the prior is sharp, because the image
    was recalled, so is the posterior.

    Reference: Vahdat, Kautz, "NVAE: A Deep Hierarchical Variational Autoencoder",
    NeurIPS 2020.

    For the arguments see `_OverMaps`.
    """

    def __init__(self, size: int, block_size: int, hidden: int, **kwargs):
        super().__init__(size, block_size, hidden, **kwargs)
        zeros = {"kernel_initializer": "zeros", "dtype": "float32"}
        self.move = keras.layers.Dense(size, name="move", **zeros)
        self.spread = keras.layers.Dense(size, name="spread", **zeros)

    def build(self, embeddings_shape, mean_shape, stddev_shape=None):
        del mean_shape, stddev_shape
        side = self.block_size
        self.first.build((None, side, side, embeddings_shape[-1] + 2 * self.size))
        for layer in (self.second, self.move, self.spread):
            layer.build((None, side, side, self.hidden))
        self.built = True

    def call(
        self, embeddings: tf.Tensor, mean: tf.Tensor, stddev: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Computes the parameters.

        Args:
          embeddings: E, [B, T, P, P, F].
          mean: of the prior, float32 [B, T, P, P, L].
          stddev: of the prior, the same shape.

        Returns:
          (mean, stddev) of the posterior, each float32 [B, T, P, P, L].
        """
        known = tf.concat([mean, tf.math.log(stddev)], axis=-1)
        frames, restore = _flat(tf.concat([embeddings, known], axis=-1), self.size)
        features = self.first(frames)
        features += self.second(features)
        spread = tf.nn.softplus(restore(self.spread(features)) + math.log(math.e - 1))
        return mean + stddev * restore(self.move(features)), stddev * (spread + 1e-3)


def _layer(size, kernel, name):
    # KLs are taken between what these give: float32 under any policy.
    shared = {"activation": "silu", "dtype": "float32", "name": name}
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

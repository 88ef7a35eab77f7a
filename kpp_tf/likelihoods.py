"""p(X|Z): likelihoods of images, in nats, and their conversion to bits/dim.

Images are float32 in [0, 1]. Binary images hold 0 and 1; images of 256 levels hold
level / 255, and their likelihood is the mass of the level's bin, of width 1/255, with
the outermost bins open to infinity. The masses of all levels sum to 1, so that
bits/dim compare with any other discrete model.
"""

import math
import re
from typing import Protocol

import tensorflow as tf

from kpp_tf.errors import UserError

LEVELS = 256
_HALF_BIN = 0.5 / (LEVELS - 1)


def bits_per_dim(nats: float, dims: int) -> float:
    """Nats an image to bits a dimension: nats / (dims * ln 2)."""
    return nats / (dims * math.log(2.0))


class Likelihood(Protocol):
    """What a decoder's output means.

    Attributes:
      levels: number of values of a pixel that the likelihood is normalised over.
    """

    levels: int

    def num_parameters(self, channels: int) -> int:
        """Parameters that the decoder must give for each pixel."""

    def log_prob(self, parameters: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
        """ln p(images), in nats: float32 [...], summed over [H, W, C].

        Args:
          parameters: float32 [..., H, W, `num_parameters`].
          images: [..., H, W, C] in [0, 1], or of a shape that broadcasts to it.
        """

    def mean(self, parameters: tf.Tensor, channels: int) -> tf.Tensor:
        """Mean images to look at: [..., H, W, C] in [0, 1]."""


class Bernoulli:
    """Independent pixels in {0, 1}: ln p(x) = x l - softplus(l), with logit l.

    For x strictly between 0 and 1 the value is a cross-entropy, not a likelihood.
    """

    levels = 2

    def num_parameters(self, channels: int) -> int:
        return channels

    def log_prob(self, parameters: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
        parameters = tf.cast(parameters, tf.float32)
        images = tf.cast(images, tf.float32)
        per_pixel = images * parameters - tf.nn.softplus(parameters)
        return tf.reduce_sum(per_pixel, axis=[-3, -2, -1])

    def mean(self, parameters: tf.Tensor, channels: int) -> tf.Tensor:
        del channels
        return tf.sigmoid(tf.cast(parameters, tf.float32))


class LogisticMixture:
    """Mixture of discretized logistics over 256 levels, channels autoregressive.

    With F the logistic CDF and h half a bin, a component's mass of level x is

        F((x + h - m) / s) - F((x - h - m) / s)
            = F(b) F(-a) (1 - exp(a - b)),   b, a = (x +- h - m) / s,

    whose logarithm is stable in every tail. The mixture index is shared by the channels
    of a pixel, and the mean of channel c is moved linearly by the channels before it:
    m_c + sum_{j<c} k_cj x_j, so that a pixel's colour is modelled jointly.

    Reference: Salimans et al., "PixelCNN++", ICLR 2017.

    Args:
      components: of the mixture.
    """

    levels = LEVELS

    def __init__(self, components: int = 5):
        self.components = components

    def num_parameters(self, channels: int) -> int:
        return self.components * (1 + 2 * channels + channels * (channels - 1) // 2)

    def log_prob(self, parameters: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
        channels = images.shape[-1]
        logits, means, log_scales, mixing = self._split(parameters, channels)
        pixels = tf.shape(parameters)[:-1]
        images = tf.cast(images, tf.float32)
        images = tf.broadcast_to(images, tf.concat([pixels, [channels]], axis=0))
        colours = tf.transpose(tf.reshape(images, [-1, channels]))[:, None]
        moved, pair = [], 0
        for c in range(channels):
            mean = means[c]
            for j in range(c):
                mean += mixing[pair] * colours[j]
                pair += 1
            moved.append(mean)
        log_mass = _logistic_log_mass(colours, tf.stack(moved), log_scales)
        log_weights = tf.nn.log_softmax(logits, axis=0)
        joint = log_weights + tf.reduce_sum(log_mass, axis=0)
        per_pixel = tf.reshape(tf.reduce_logsumexp(joint, axis=0), pixels)
        return tf.reduce_sum(per_pixel, axis=[-2, -1])

    def mean(self, parameters: tf.Tensor, channels: int) -> tf.Tensor:
        logits, means, _, mixing = self._split(parameters, channels)
        weights = tf.nn.softmax(logits, axis=0)
        colours: list[tf.Tensor] = []
        pair = 0
        for c in range(channels):
            mean = means[c]
            for j in range(c):
                mean += mixing[pair] * colours[j]
                pair += 1
            colours.append(tf.clip_by_value(mean, 0.0, 1.0))
        picture = tf.stack([tf.reduce_sum(weights * m, 0) for m in colours], axis=-1)
        picture = tf.minimum(picture, 1.0)  # the weights' sum may round to above 1
        shape = tf.concat([tf.shape(parameters)[:-1], [channels]], axis=0)
        return tf.reshape(picture, shape)

    def _split(
        self, parameters: tf.Tensor, channels: int
    ) -> tuple[tf.Tensor, list[tf.Tensor], tf.Tensor, list[tf.Tensor]]:
        """Logits [K, pixels], means of each channel, log scales [C, K, pixels], mixing.

        All pixels of all images come last: rows of K take twice the time. `tf.split`
        takes the parts, because the gradient of a slice is a full tensor of zeros.
        """
        count, pairs = self.components, channels * (channels - 1) // 2
        numbers = self.num_parameters(channels)
        rows = tf.reshape(tf.cast(parameters, tf.float32), [-1, numbers])
        sizes = [count, channels * count, channels * count, pairs * count]
        logits, means, scales, mixing = tf.split(tf.transpose(rows), sizes, axis=0)
        # Spread over [0, 1] at the start, where the decoder's output is near 0.
        start = (tf.range(count, dtype=tf.float32) + 0.5) / count
        means = [mean + start[:, None] for mean in tf.split(means, channels)]
        # From half a level to the whole range; -2 starts at a scale of 1/7.
        log_scales = tf.clip_by_value(scales - 2.0, -7.0, 1.0)
        log_scales = tf.reshape(log_scales, [channels, count, tf.shape(rows)[0]])
        return logits, means, log_scales, tf.split(mixing, pairs) if pairs else []


def _logistic_log_mass(
    images: tf.Tensor, means: tf.Tensor, log_scales: tf.Tensor
) -> tf.Tensor:
    inverse = tf.exp(-log_scales)
    centred = images - means
    upper = (centred + _HALF_BIN) * inverse
    lower = (centred - _HALF_BIN) * inverse
    below = tf.where(images > 1 - _HALF_BIN, 0.0, tf.math.log_sigmoid(upper))
    above = tf.where(images < _HALF_BIN, 0.0, tf.math.log_sigmoid(-lower))
    # ln(1 - exp(a - b)); an open bin has b - a = infinity.
    inner = (images >= _HALF_BIN) & (images <= 1 - _HALF_BIN)
    width = tf.math.log(-tf.math.expm1(-2 * _HALF_BIN * inverse))
    return below + above + tf.where(inner, width, 0.0)


_BY_NAME = {
    "bernoulli": Bernoulli,
    "logistic_mixture": LogisticMixture,
}


def get(name: str) -> Likelihood:
    """The likelihood of a name: bernoulli or logistic_mixture.

    "logistic_mixture:2" is a mixture of 2 components; the default is 5.

    Raises:
      UserError: for another name, or a number of components that is no number above 0.
    """
    kind, colon, components = name.partition(":")
    if kind not in _BY_NAME:
        raise UserError(
            f"likelihood must be one of {sorted(_BY_NAME)}. Received: {name!r}"
        )
    if not colon:
        return _BY_NAME[kind]()
    if kind != "logistic_mixture" or not re.fullmatch("[1-9][0-9]*", components):
        raise UserError(
            "only logistic_mixture takes a number of components, of at least 1. "
            f"Received: {name!r}"
        )
    return LogisticMixture(int(components))

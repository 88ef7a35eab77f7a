"""Diagonal Gaussians as the models use them: one place for draws and for KLs."""

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kpp_tf import noise


def diagonal(mean: tf.Tensor, stddev: tf.Tensor) -> tfd.MultivariateNormalDiag:
    """N(mean, stddev^2) over the last dimension of two tensors [..., L]."""
    return tfd.MultivariateNormalDiag(loc=mean, scale_diag=stddev)


def standard(size: int) -> tfd.MultivariateNormalDiag:
    """N(0, I) over `size` numbers."""
    return diagonal(tf.zeros([size]), tf.ones([size]))


def draw(
    distribution: tfd.MultivariateNormalDiag,
    seeds: tf.Tensor,
    salt: int,
    temperature: tf.Tensor | None = None,
) -> tf.Tensor:
    """A reparametrised sample, mean + stddev * temperature * noise.

    Args:
      distribution: of batch [B, ...] and event [L].
      seeds: int32 [B, 2]; row b's noise depends on its own seed only.
      salt: a `kpp_tf.noise.Stream`.
      temperature: [B], 1 where it is None.

    Returns:
      float32 [B, ..., L].
    """
    mean = distribution.mean()
    drawn = noise.normal(seeds, tuple(tf.unstack(tf.shape(mean)[1:])), salt)
    return mean + distribution.stddev() * tempered(drawn, temperature)


def tempered(drawn: tf.Tensor, temperature: tf.Tensor | None) -> tf.Tensor:
    """Noise [B, ...] times a temperature [B], or as it is where that is None."""
    if temperature is None:
        return drawn
    ones = [1] * (drawn.shape.rank - 1)
    return drawn * tf.reshape(tf.cast(temperature, drawn.dtype), [-1, *ones])


def kl(
    posterior: tfd.MultivariateNormalDiag,
    prior: tfd.MultivariateNormalDiag,
    value: tf.Tensor,
    analytic: bool,
) -> tf.Tensor:
    """KL[posterior || prior] in nats, or its estimate at one sample.

    Args:
      posterior: batch [...], event [L].
      prior: the same, or broadcasting to it.
      value: [..., L], the sample of `posterior` that the estimate takes.
      analytic: closed form; if False, ln posterior(value) - ln prior(value).

    Returns:
      float32 [...].
    """
    if analytic:
        return tfd.kl_divergence(posterior, prior)
    return posterior.log_prob(value) - prior.log_prob(value)

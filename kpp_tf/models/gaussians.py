"""Diagonal Gaussians as the models use them: one place for draws and for KLs."""

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kpp_tf import noise
from kpp_tf.errors import UserError


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

    Raises:
      UserError: unless there is one seed and one temperature for each row.
    """
    mean = distribution.mean()
    seeds = noise.checked(seeds, mean.shape[0])
    drawn = noise.normal(seeds, tuple(tf.unstack(tf.shape(mean)[1:])), salt)
    return mean + distribution.stddev() * tempered(drawn, temperature)


def tempered(drawn: tf.Tensor, temperature: tf.Tensor | None) -> tf.Tensor:
    """Noise [B, ...] times a temperature [B], or as it is where that is None.

    Raises:
      UserError: if the temperature is not [B] numbers of 0 or more.
    """
    if temperature is None:
        return drawn
    temperature = tf.cast(tf.convert_to_tensor(temperature), drawn.dtype)
    batch = drawn.shape[0]
    if not temperature.shape.is_compatible_with([batch]):
        raise UserError(
            f"temperature must be one number for each row, [{batch}]. "
            f"Received: shape {tuple(temperature.shape)}"
        )
    if tf.executing_eagerly() and not tf.reduce_all(
        (temperature >= 0) & tf.math.is_finite(temperature)
    ):
        raise UserError(
            "temperature must be 0 or more, and finite. "
            f"Received: {temperature.numpy().tolist()}"
        )
    return drawn * tf.reshape(temperature, [-1, *[1] * (drawn.shape.rank - 1)])


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

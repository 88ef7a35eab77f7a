"""The two families of the key posterior q(Y|X); the prior p(Y) is N(0, I) for both.

"gaussian" is the source's: N(mean, stddev^2).

"box" is the prior itself, restricted to a box around the mean and renormalised:

    q(y) = p(y) 1[low < y < high] / (Phi(high) - Phi(low)),   for each coordinate,
    KL[q || p] = - sum ln(Phi(high) - Phi(low)).

Through Phi the prior covers the memory evenly, so this is an even draw from a rectangle
of it, and its KL is what it costs to name that rectangle. A Gaussian that must not
reach its neighbours, hundreds of nats away, has to be narrow for the sake of its tails;
a box has none, and may fill the place in which a read does not change (see
`kpp_tf.layers.block_reader.block_weights`).

Reference for the change of variables: this is a truncated normal distribution, e.g.
Robert, "Simulation of truncated normal variables", Statistics and Computing 5 (1995).
"""

import math

import tensorflow as tf
import tensorflow_probability as tfp

from kpp_tf import noise
from kpp_tf.models import gaussians

tfd = tfp.distributions

FAMILIES = ("gaussian", "box")
EDGE = 1e-4  # a box ends here before 0 and 1, so that its keys are finite
EVEN_STDDEV = 1 / math.sqrt(12)  # of an even draw from all of (0, 1)


def key_posterior(
    family: str, mean: tf.Tensor, stddev: tf.Tensor
) -> tfd.MultivariateNormalDiag | tfd.Independent:
    """q(Y|X) from two tensors [..., 3]: batch [...], event [3].

    Args:
      family: one of `FAMILIES`.
      mean: of a Gaussian; for a box Phi(mean) is its centre in the unit cube.
      stddev: of a Gaussian; for a box that of Phi(y), whose half-width then is
        sqrt(3) stddev.
    """
    if family == "gaussian":
        return gaussians.diagonal(mean, stddev)
    normal = tfd.Normal(0.0, 1.0)
    centre, half_width = normal.cdf(mean), math.sqrt(3) * stddev
    low, high = (
        normal.quantile(tf.clip_by_value(edge, EDGE, 1 - EDGE))
        for edge in (centre - half_width, centre + half_width)
    )
    return tfd.Independent(tfd.TruncatedNormal(0.0, 1.0, low, high), 1)


def draw(
    posterior: tfd.MultivariateNormalDiag | tfd.Independent, seeds: tf.Tensor, salt: int
) -> tf.Tensor:
    """A reparametrised sample [B, ..., 3]; see `gaussians.draw`."""
    if isinstance(posterior, tfd.MultivariateNormalDiag):
        return gaussians.draw(posterior, seeds, salt)
    start, mass = _start_and_mass(posterior)
    shape = tuple(tf.unstack(tf.shape(mass)[1:]))
    return tfd.Normal(0.0, 1.0).quantile(
        start + mass * noise.uniform(seeds, shape, salt)
    )


def kl(
    posterior: tfd.MultivariateNormalDiag | tfd.Independent,
    value: tf.Tensor,
    analytic: bool,
) -> tf.Tensor:
    """KL[posterior || N(0, I)] in nats [...]; see `gaussians.kl`.

    For a box ln q - ln p is the same everywhere in it: the estimate is the KL.
    """
    if isinstance(posterior, tfd.MultivariateNormalDiag):
        prior = gaussians.standard(posterior.event_shape[-1])
        return gaussians.kl(posterior, prior, value, analytic)
    return -tf.reduce_sum(tf.math.log(_start_and_mass(posterior)[1]), axis=-1)


def _start_and_mass(box):
    normal = tfd.Normal(0.0, 1.0)
    start = normal.cdf(box.distribution.low)
    return start, normal.cdf(box.distribution.high) - start

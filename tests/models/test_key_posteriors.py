"""Key posteriors against SciPy's normal and truncated normal distributions."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats

from kpp_tf import noise
from kpp_tf.models import key_posteriors

MEAN = np.array([[[0.0, -0.9, 0.4], [0.3, 1.2, -2.5]]], np.float32)
STDDEV = np.array([[[0.2, 0.03, 0.05], [0.25, 0.01, 0.1]]], np.float32)
SALT = 1


def _edges(mean, stddev):
    centre, half_width = stats.norm.cdf(np.float64(mean)), 3**0.5 * np.float64(stddev)
    edges = np.clip([centre - half_width, centre + half_width], 1e-4, 1 - 1e-4)
    return stats.norm.ppf(edges)


def _draws(posterior, count):
    """Draws [count, 2, 3] of a posterior of batch [1, 2]."""
    many = tf.repeat([[3, 5]], count, axis=0) + tf.range(count)[:, None]
    return np.float64(
        tf.function(
            lambda seeds: key_posteriors.draw(posterior(count), seeds, salt=SALT)
        )(many)
    )


@pytest.mark.parametrize("family", key_posteriors.FAMILIES)
def test_draws_follow_the_law(family):
    def posterior(count):
        repeated = (tf.repeat(x, count, axis=0) for x in (MEAN, STDDEV))
        return key_posteriors.key_posterior(family, *repeated)

    drawn = _draws(posterior, 2000)
    low, high = _edges(MEAN[0], STDDEV[0])
    for k, i in np.ndindex(2, 3):
        law = stats.norm(MEAN[0, k, i], STDDEV[0, k, i])
        if family == "box":
            law = stats.truncnorm(low[k, i], high[k, i])
        assert stats.kstest(drawn[:, k, i], law.cdf).pvalue > 1e-3, (k, i)


@pytest.mark.parametrize("family", key_posteriors.FAMILIES)
@pytest.mark.parametrize("analytic", [True, False])
def test_kl_is_the_integral(family, analytic):
    posterior = key_posteriors.key_posterior(family, MEAN, STDDEV)
    low, high = _edges(MEAN, STDDEV)
    inside = stats.norm.ppf(stats.norm.cdf([low, high]).mean(axis=0))
    value = np.float32(inside if family == "box" else MEAN + 0.1)
    expected = np.zeros(MEAN.shape)
    for i in np.ndindex(MEAN.shape):
        law = stats.norm(MEAN[i], STDDEV[i])
        ends = law.ppf([1e-15, 1 - 1e-15])
        if family == "box":
            law, ends = stats.truncnorm(low[i], high[i]), (low[i], high[i])
        if analytic:
            expected[i] = integrate.quad(
                lambda y, law=law: law.pdf(y) * (law.logpdf(y) - stats.norm.logpdf(y)),
                *ends,
            )[0]
        else:
            expected[i] = law.logpdf(value[i]) - stats.norm.logpdf(value[i])
    got = key_posteriors.kl(posterior, value, analytic)
    np.testing.assert_allclose(got, expected.sum(-1), rtol=1e-4)


def test_a_box_costs_the_logarithm_of_its_share_of_the_prior():
    """A quarter of one axis and a tenth of another: ln 4 + ln 10; all of the third."""
    stddev = np.array([1.0, 0.25 / 12**0.5, 0.1 / 12**0.5], np.float32)
    posterior = key_posteriors.key_posterior("box", tf.zeros([3]), stddev)
    kl = key_posteriors.kl(posterior, tf.zeros([3]), analytic=True)
    np.testing.assert_allclose(kl, np.log(40) - np.log(1 - 2e-4), rtol=1e-5)


def test_a_box_beyond_the_prior_has_finite_keys_and_gradients():
    mean = tf.Variable([[[9.0, -9.0, 0.0]]])
    stddev = tf.Variable([[[0.3, 0.3, 2.0]]])
    with tf.GradientTape() as tape:
        posterior = key_posteriors.key_posterior("box", mean, stddev)
        keys = key_posteriors.draw(posterior, noise.row_seeds([0, 1], 1), SALT)
        kl = key_posteriors.kl(posterior, keys, analytic=True)
        loss = tf.reduce_sum(keys) + tf.reduce_sum(kl)
    assert np.all(np.abs(keys) < 3.8) and np.all(np.isfinite(kl))
    for gradient in tape.gradient(loss, [mean, stddev]):
        assert np.all(np.isfinite(gradient))


def test_gradients_of_a_box_are_those_of_its_edges():
    """y = Phi^-1(low' + (high' - low') u): by central differences in float64."""
    seeds = noise.row_seeds([0, 1], 1)
    share = np.float64(noise.uniform(seeds, (2, 3), SALT))

    def loss(mean, stddev):
        low, high = stats.norm.cdf(_edges(mean, stddev))
        keys = stats.norm.ppf(low + (high - low) * share)
        return np.sum(keys**2) - np.sum(np.log(high - low))

    mean, stddev = tf.Variable(MEAN), tf.Variable(STDDEV)
    with tf.GradientTape() as tape:
        posterior = key_posteriors.key_posterior("box", mean, stddev)
        keys = key_posteriors.draw(posterior, seeds, SALT)
        kl = key_posteriors.kl(posterior, keys, analytic=True)
        total = tf.reduce_sum(keys**2) + tf.reduce_sum(kl)
    gradients = tape.gradient(total, [mean, stddev])
    for which, gradient in enumerate(gradients):
        for i in np.ndindex(MEAN.shape):
            step = np.zeros(MEAN.shape)
            step[i] = 1e-6
            at = [np.float64(MEAN), np.float64(STDDEV)]
            ahead, behind = list(at), list(at)
            ahead[which], behind[which] = at[which] + step, at[which] - step
            slope = (loss(*ahead) - loss(*behind)) / 2e-6
            np.testing.assert_allclose(gradient[i], slope, rtol=1e-3, atol=1e-3)

"""Likelihoods against SciPy in float64, and against the sum over all levels."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from kpp_tf import likelihoods
from kpp_tf.errors import UserError

LEVELS = np.arange(256) / 255
NAMES = ("bernoulli", "logistic_mixture")


def _pixels(values):
    """[N] or [N, C] as N images of one pixel: float32 [N, 1, 1, C]."""
    values = np.asarray(values, np.float32)
    return values.reshape(len(values), 1, 1, -1)


def _log_prob(likelihood, parameters, values):
    pixels = _pixels(values)
    parameters = np.reshape(parameters, (-1, 1, 1, np.shape(parameters)[-1]))
    parameters = np.repeat(parameters, len(pixels) // len(parameters), axis=0)
    log_prob = likelihood.log_prob(tf.constant(parameters, tf.float32), pixels)
    return np.float64(log_prob)


def _bins(value):
    lower = np.where(value == 0, -np.inf, value - 0.5 / 255)
    return lower, np.where(value == 1, np.inf, value + 0.5 / 255)


def _log_mass(value, mean, scale):
    """ln of the mass of the level's bin, from whichever tail is exact."""
    law = stats.logistic
    a, b = ((edge - mean) / scale for edge in _bins(value))
    left = special.logsumexp([law.logcdf(b), law.logcdf(a)], axis=0, b=[[1], [-1]])
    right = special.logsumexp([law.logsf(a), law.logsf(b)], axis=0, b=[[1], [-1]])
    return np.where(a + b > 0, right, left)


def _mixture_masses(parameters, pixel, components):
    """p(x_1), p(x_1, x_2), ... of one pixel in float64, by the chain rule."""
    channels = len(pixel)
    sizes = np.cumsum([components, channels * components, channels * components])
    logits, means, scales, mixing = np.split(np.float64(parameters), sizes)
    means = means.reshape(channels, components)
    means = means + (np.arange(components) + 0.5) / components
    scales = np.exp(np.clip(scales.reshape(channels, components) - 2, -7, 1))
    mixing = iter(mixing.reshape(-1, components))
    joint, masses = special.softmax(logits), []
    for c in range(channels):
        mean = means[c] + sum(next(mixing) * pixel[j] for j in range(c))
        lower, upper = _bins(pixel[c])
        joint = joint * (
            stats.logistic.cdf((upper - mean) / scales[c])
            - stats.logistic.cdf((lower - mean) / scales[c])
        )
        masses.append(joint.sum())
    return masses


def test_bits_per_dim_by_hand():
    # 784 pixels of one bit each.
    assert likelihoods.bits_per_dim(784 * math.log(2), 784) == pytest.approx(1)
    # 8 bits a channel of 32x32x3: ln 256 nats each, 17,034.8 in all.
    assert likelihoods.bits_per_dim(17034.785, 3072) == pytest.approx(8, rel=1e-6)


def test_bernoulli_against_scipy():
    random = np.random.default_rng(0)
    logits = 4 * random.standard_normal((2, 3, 4, 5, 1))
    images = random.integers(0, 2, logits.shape)
    expected = stats.bernoulli.logpmf(images, special.expit(logits)).sum((2, 3, 4))
    got = likelihoods.Bernoulli().log_prob(
        tf.constant(logits, tf.float32), images.astype(np.float32)
    )
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_masses_of_levels_against_scipy():
    parameters = np.random.default_rng(1).normal(0, 2, (256, 3))
    _, mean, raw = parameters.T
    scale = np.exp(np.clip(raw - 2, -7, 1))
    expected = _log_mass(LEVELS, mean + 0.5, scale)
    got = _log_prob(likelihoods.LogisticMixture(1), parameters, LEVELS)
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("spread", [0.3, 3, 30])
def test_masses_of_all_levels_sum_to_one(spread):
    likelihood = likelihoods.get("logistic_mixture")
    for seed in range(8):
        random = np.random.default_rng(seed)
        parameters = spread * random.standard_normal(likelihood.num_parameters(1))
        total = np.exp(_log_prob(likelihood, parameters, LEVELS)).sum()
        assert total == pytest.approx(1, abs=3e-4)


def test_colours_follow_the_chain_rule():
    """The joint mass, summed over later channels, is the mass of the earlier ones."""
    likelihood = likelihoods.LogisticMixture(2)
    random = np.random.default_rng(3)
    parameters = 0.7 * random.standard_normal(likelihood.num_parameters(3))
    red, green, blue = 40 / 255, 200 / 255, 1.0
    pair = [(red, green, x) for x in LEVELS]
    alone = [(red, x, y) for x, y in itertools.product(LEVELS, LEVELS)]
    first, second, third = _mixture_masses(parameters, (red, green, blue), 2)
    joint = np.exp(_log_prob(likelihood, parameters, [(red, green, blue)]))
    np.testing.assert_allclose(joint, third, rtol=1e-4)
    for pixels, expected in ((pair, second), (alone, first)):
        total = np.exp(_log_prob(likelihood, parameters, pixels)).sum()
        assert total == pytest.approx(expected, rel=1e-4)
    # The channels are dependent: the joint mass is no product.
    assert third != pytest.approx(first * second, rel=0.1)


def test_log_prob_is_summed_over_pixels_and_channels():
    likelihood = likelihoods.LogisticMixture(2)
    random = np.random.default_rng(4)
    count = likelihood.num_parameters(3)
    parameters = random.uniform(-1, 1, (2, 3, 2, 2, count)).astype(np.float32)
    images = random.integers(0, 256, (2, 3, 2, 2, 3)) / 255
    got = likelihood.log_prob(parameters, images.astype(np.float32))
    for b, t in itertools.product(range(2), range(3)):
        expected = sum(
            np.log(_mixture_masses(parameters[b, t, i, j], images[b, t, i, j], 2)[-1])
            for i, j in itertools.product(range(2), range(2))
        )
        np.testing.assert_allclose(got[b, t], expected, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 3])
def test_extreme_parameters_stay_finite(name, channels):
    """Values, gradients and pictures, with every sign of very large parameters."""
    likelihood = likelihoods.get(name)
    levels = [0, 1] if name == "bernoulli" else [0, 1 / 255, 0.5, 254 / 255, 1]
    count = likelihood.num_parameters(channels)
    random = np.random.default_rng(5)
    parameters = random.choice([-1e4, -100, -8, 0, 8, 100, 1e4], (2000, 1, 1, count))
    values = random.choice(levels, (2000, channels))
    parameters = tf.constant(parameters, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        log_prob = likelihood.log_prob(parameters, _pixels(values))
    assert np.all(np.isfinite(log_prob)) and np.all(log_prob <= 1e-5)
    assert np.all(np.isfinite(tape.gradient(log_prob, parameters)))
    picture = likelihood.mean(parameters, channels).numpy()
    assert picture.shape == (2000, 1, 1, channels)
    assert np.all((picture >= 0) & (picture <= 1))


def test_gradients_against_finite_differences_of_log_mass():
    """Of one component, by its mean and scale; the difference is in float64."""
    likelihood = likelihoods.LogisticMixture(1)
    mean, raw = np.random.default_rng(6).uniform(-1, 1, (2, 256))
    columns = np.stack([0 * mean, mean, raw], -1)
    parameters = tf.constant(columns[:, None, None], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        total = tf.reduce_sum(likelihood.log_prob(parameters, _pixels(LEVELS)))
    got = tape.gradient(total, parameters)[:, 0, 0, -2:].numpy()

    def mass(mean, raw):
        return _log_mass(LEVELS, mean + 0.5, np.exp(raw - 2))

    h = 1e-5
    slopes = (
        (mass(mean + h, raw) - mass(mean - h, raw)) / (2 * h),
        (mass(mean, raw + h) - mass(mean, raw - h)) / (2 * h),
    )
    np.testing.assert_allclose(got, np.stack(slopes, -1), rtol=0.02, atol=0.02)


def test_means_of_confident_parameters():
    one = np.ones((1, 1, 1), np.float32)
    bernoulli = likelihoods.Bernoulli().mean(one * math.log(3), 1)
    np.testing.assert_allclose(bernoulli, 0.75 * one, rtol=1e-6)
    # Components at 1/4 and 3/4 with weights 3/4 and 1/4.
    mixture = likelihoods.LogisticMixture(2)
    parameters = one * [math.log(3), 0, 0, 0, 0, 0]
    np.testing.assert_allclose(mixture.mean(parameters, 1), 0.375 * one, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_images_in_float64_are_scored(name):
    likelihood = likelihoods.get(name)
    parameters = tf.zeros([1, 1, 1, likelihood.num_parameters(1)])
    single = likelihood.log_prob(parameters, _pixels([1.0]))
    double = likelihood.log_prob(parameters, np.float64(_pixels([1.0])))
    assert double.dtype == tf.float32
    np.testing.assert_array_equal(single, double)


def test_unknown_name_is_refused():
    with pytest.raises(
        UserError, match=r"bernoulli.*logistic_mixture.*Received: 'poisson'"
    ):
        likelihoods.get("poisson")


def test_components_of_a_mixture_are_chosen_by_name():
    assert likelihoods.get("logistic_mixture:2").num_parameters(1) == 2 * 3
    assert likelihoods.get("logistic_mixture").components == 5
    for name in ("logistic_mixture:", "logistic_mixture:0", "bernoulli:2"):
        with pytest.raises(UserError, match=f"at least 1. Received: '{name}'"):
            likelihoods.get(name)

"""The families of key posteriors against SciPy's distributions and integrals."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats

from kpp_tf import noise
from kpp_tf.models.kanerva_plus_plus.keys import FAMILIES, Region
from kpp_tf.noise import Stream
from tests.models.kanerva_plus_plus import by_numpy

# [1, 1, K, 3]; the second block's box is cut at both faces and at one.
CENTRE = np.float32([[[[0.5, 0.2, 0.65], [0.4, 0.95, 0.01]]]])
HALF = np.float32([[[[0.2, 0.03, 0.05], [0.7, 0.1, 0.05]]]])


def _region(count=1):
    return Region(*(tf.repeat(tf.constant(x), count, axis=0) for x in (CENTRE, HALF)))


def _law(family, k, i):
    """SciPy's distribution of coordinate i of block k."""
    centre, half = np.float64(CENTRE[0, 0, k, i]), np.float64(HALF[0, 0, k, i])
    edges = np.clip([centre - half, centre + half], 1e-4, 1 - 1e-4)
    if family == "box":
        return stats.truncnorm(*stats.norm.ppf(edges))
    mean = stats.norm.ppf(np.mean(edges))
    return stats.norm(mean, min(np.ptp(edges) / 12**0.5 / stats.norm.pdf(mean), 1))


def _seeds(count):
    return noise.row_seeds([3, 5], count)


def _log_ratio(law, y):
    return law.logpdf(y) - stats.norm.logpdf(y)


@pytest.mark.parametrize("family", FAMILIES)
def test_draws_follow_the_law(family):
    keys, count = FAMILIES[family](), 1000
    draw = tf.function(lambda seeds: keys.draw(_region(count), seeds))
    drawn = np.float64(draw(_seeds(count)))
    assert drawn.shape == (count, 1, 2, 3)
    for k, i in np.ndindex(2, 3):
        law = _law(family, k, i)
        assert stats.kstest(drawn[:, 0, k, i], law.cdf).pvalue > 1e-3, (k, i)
    correlation = np.corrcoef(drawn.reshape(count, 6).T) - np.eye(6)
    assert np.abs(correlation).max() < 4.5 / count**0.5


def test_draws_lie_in_the_box():
    drawn = FAMILIES["box"]().draw(_region(200), _seeds(200))
    places = stats.norm.cdf(np.float64(drawn))
    low = np.maximum(CENTRE - HALF, 1e-4)
    high = np.minimum(CENTRE + HALF, 1 - 1e-4)
    assert np.all(places > low - 1e-6) and np.all(places < high + 1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_kl_is_the_integral(family):
    expected = 0.0
    for k, i in np.ndindex(2, 3):
        law = _law(family, k, i)
        ends = law.ppf([1e-15, 1 - 1e-15])
        expected += integrate.quad(
            lambda y, law=law: law.pdf(y) * _log_ratio(law, y), *ends
        )[0]
    keys = FAMILIES[family]()
    got = keys.kl(_region(), keys.mean(_region()), analytic=True)
    assert got.shape == (1, 1)
    np.testing.assert_allclose(got, [[expected]], rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_one_sample_estimate_is_the_log_ratio_and_averages_to_the_kl(family):
    keys, count = FAMILIES[family](), 1000
    region = _region(count)
    drawn = tf.function(keys.draw)(region, _seeds(count))
    estimates = np.float64(keys.kl(region, drawn, analytic=False))[:, 0]
    expected = sum(
        _log_ratio(_law(family, k, i), np.float64(drawn[:, 0, k, i]))
        for k, i in np.ndindex(2, 3)
    )
    np.testing.assert_allclose(estimates, expected, rtol=1e-3, atol=1e-2)
    exact = float(keys.kl(_region(), None, analytic=True)[0, 0])
    error = estimates.std() / count**0.5
    assert abs(estimates.mean() - exact) < 4.5 * error + 1e-4


@pytest.mark.parametrize("family", FAMILIES)
def test_distribution_is_the_one_that_is_drawn(family):
    keys = FAMILIES[family]()
    posterior = keys.distribution(_region())
    drawn = keys.draw(_region(), _seeds(1))
    got = posterior.log_prob(drawn)
    assert got.shape == (1, 1, 2)
    expected = [
        sum(_law(family, k, i).logpdf(np.float64(drawn[0, 0, k, i])) for i in range(3))
        for k in range(2)
    ]
    np.testing.assert_allclose(got[0, 0], expected, rtol=1e-3, atol=5e-3)


def test_mean_keys_point_at_the_middle():
    low, high = np.maximum(CENTRE - HALF, 1e-4), np.minimum(CENTRE + HALF, 1 - 1e-4)
    for family in FAMILIES.values():
        mean = by_numpy.cdf(family().mean(_region()))
        np.testing.assert_allclose(mean, (low + high) / 2, atol=1e-6)


def test_a_box_costs_the_logarithm_of_its_share_of_the_prior():
    """A quarter of one axis and a tenth of another: ln 4 + ln 10; all of the third."""
    region = Region(
        tf.fill([1, 1, 1, 3], 0.5), tf.reshape([1, 0.125, 0.05], [1] * 3 + [3])
    )
    kl = FAMILIES["box"]().kl(region, None, analytic=True)
    np.testing.assert_allclose(kl, np.log([[40]]) - np.log(1 - 2e-4), rtol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("half", [0.3, 1e-3, 1e-5])
def test_regions_at_the_faces_are_finite(family, half):
    keys = FAMILIES[family]()
    centre = tf.Variable([[[[0.0, 1.0, 0.5]]]])
    width = tf.Variable(tf.fill([1, 1, 1, 3], half))
    with tf.GradientTape() as tape:
        region = Region(tf.identity(centre), tf.identity(width))
        drawn = keys.draw(region, _seeds(1))
        kl = keys.kl(region, drawn, analytic=True)
        loss = tf.reduce_sum(drawn) + tf.reduce_sum(kl)
    assert np.all(np.isfinite(drawn)) and np.all(np.isfinite(kl)) and np.all(kl >= 0)
    for gradient in tape.gradient(loss, [centre, width]):
        assert np.all(np.isfinite(gradient))


def test_gradients_of_a_box_are_those_of_its_edges():
    """y = Phi^-1(low + (high - low) u): by central differences in float64."""
    keys, seeds = FAMILIES["box"](), _seeds(1)
    share = np.float64(noise.uniform(seeds, (1, 2, 3), Stream.KEYS))

    def loss(centre, half):
        low = np.maximum(centre - half, 1e-4)
        high = np.minimum(centre + half, 1 - 1e-4)
        drawn = stats.norm.ppf(low + (high - low) * share)
        return np.sum(drawn**2) - np.sum(np.log(high - low))

    inputs = [tf.constant(CENTRE), tf.constant(HALF)]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        region = Region(*inputs)
        drawn = keys.draw(region, seeds)
        total = tf.reduce_sum(drawn**2)
        total += tf.reduce_sum(keys.kl(region, drawn, analytic=True))
    gradients = tape.gradient(total, inputs)
    for which, index in np.ndindex(2, 6):
        step = np.zeros(6)
        step[index] = 1e-6
        ends = []
        for sign in (1, -1):
            moved = [np.float64(CENTRE), np.float64(HALF)]
            moved[which] = moved[which] + sign * step.reshape(CENTRE.shape)
            ends.append(loss(*moved))
        slope = (ends[0] - ends[1]) / 2e-6
        got = float(np.ravel(gradients[which])[index])
        assert got == pytest.approx(slope, rel=2e-3, abs=2e-3)


def test_where_chooses_frame_by_frame():
    one = Region(tf.zeros([1, 2, 2, 3]), tf.ones([1, 2, 2, 3]))
    other = Region(tf.fill([1, 2, 2, 3], 5.0), tf.fill([1, 2, 2, 3], 6.0))
    chosen = tf.constant([True, False])[tf.newaxis, :, tf.newaxis, tf.newaxis]
    got = one.where(chosen, other)
    np.testing.assert_array_equal(got.centre[0, :, 0, 0], [0, 5])
    np.testing.assert_array_equal(got.half_width[0, :, 1, 2], [1, 6])

"""The mixture over candidate keys against quadrature over the cube of keys."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from kpp_tf import noise
from kpp_tf.models import Elbo
from kpp_tf.models.kanerva_plus_plus.keys import FAMILIES, Region
from kpp_tf.models.kanerva_plus_plus.mixture import mixture

# Two boxes that overlap along every axis, as (centre, half-width).
BOXES = (([0.3, 0.4, 0.5], 0.2), ([0.4, 0.5, 0.6], 0.25))


def _regions(length):
    return [
        Region(
            tf.fill([1, length, 1, 1], 1.0) * tf.constant(centre),
            tf.fill([1, length, 1, 3], half),
        )
        for centre, half in BOXES
    ]


def _score(u):
    """ln p(x|y) of an image that is likely where the cube's coordinates are."""
    return -40.0 * np.sum((u - [0.4, 0.35, 0.6]) ** 2, axis=-1) + 2.0 * u[..., 2]


def _mixed(name, length):
    family, regions = FAMILIES[name](), _regions(length)
    seeds = tf.constant([[3, 7]])
    keys = [
        family.draw(region, noise.fold_in(seeds, c)) for c, region in enumerate(regions)
    ]
    elbos = []
    for drawn in keys:
        u = stats.norm.cdf(drawn[:, :, 0].numpy())
        score = tf.constant(_score(u), tf.float32)
        half = 0.5 * tf.ones_like(score)
        elbos.append(Elbo.masked(None, score + half, half))
    return mixture(family, regions, keys, elbos)


@pytest.mark.parametrize("name", ["box", "gaussian"])
def test_the_sum_estimates_the_likelihood_that_the_regions_hold(name):
    elbo = _mixed(name, length=20_000)
    found = np.exp(-elbo.bound.numpy().astype(np.float64)).ravel()
    axis = (np.arange(200) + 0.5) / 200
    u = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    inside = np.ones(u.shape[:-1], bool)
    if name == "box":
        inside = np.zeros(u.shape[:-1], bool)
        for centre, half in BOXES:
            inside |= np.all(np.abs(u - centre) < half, axis=-1)
    expected = np.mean(np.exp(_score(u)) * inside)
    error = found.std() / np.sqrt(len(found))
    assert abs(found.mean() - expected) < 4 * error + 1e-3 * expected
    assert error < 0.05 * expected


def test_the_terms_add_up_to_the_sum():
    family, regions = FAMILIES["box"](), _regions(1)
    keys = [family.mean(region) for region in regions]
    log_likelihoods = (-3.0, -5.0)
    elbos = [
        Elbo.masked(None, tf.fill([1, 1], value), tf.fill([1, 1], 0.25))
        for value in log_likelihoods
    ]
    elbo = mixture(family, regions, keys, elbos)
    # Each centre lies in both boxes.
    density = sum(1 / (2 * half) ** 3 for _, half in BOXES)
    summands = np.exp(np.array(log_likelihoods) - 0.25) / density
    shares = summands / summands.sum()
    np.testing.assert_allclose(elbo.bound, [[-np.log(summands.sum())]], rtol=1e-5)
    np.testing.assert_allclose(
        elbo.log_likelihood, [[shares @ log_likelihoods]], rtol=1e-5
    )
    np.testing.assert_allclose(elbo.kl_latents, [[0.25]], rtol=1e-5)


def test_a_hopeless_region_costs_nothing_but_its_share():
    family = FAMILIES["box"]()
    near, far = _regions(1)
    far = Region(far.centre + 0.35, far.half_width * 0.1)
    keys = [family.mean(near), family.mean(far)]
    elbos = [
        Elbo.masked(None, tf.fill([1, 1], value)) for value in (-10.0, -float("inf"))
    ]
    found = mixture(family, [near, far], keys, elbos).bound
    np.testing.assert_allclose(found, [[10.0 - 3 * np.log(0.4)]], rtol=1e-5)

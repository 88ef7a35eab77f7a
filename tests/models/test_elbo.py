"""The importance-weighted bound against SciPy in float64."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from kpp_tf.models.elbo import Elbo, importance_weighted


@pytest.fixture(scope="module")
def elbos():
    rng = np.random.default_rng(0)
    values = rng.normal(size=[3, 4, 2, 5]) * [[[[3.0]]]]
    return [Elbo(*tf.constant(sample, tf.float32)) for sample in values]


def _bounds(elbos):
    return np.stack([elbo.bound.numpy().astype(np.float64) for elbo in elbos])


def test_bound_is_that_of_the_mean_weight(elbos):
    found = importance_weighted(elbos).bound
    expected = np.log(3) - special.logsumexp(-_bounds(elbos), axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_terms_are_those_of_a_posterior_over_the_samples(elbos):
    found = importance_weighted(elbos)
    shares = special.softmax(-_bounds(elbos), axis=0)
    choice = np.sum(shares * np.log(3 * shares), axis=0)
    for name, term in found._asdict().items():
        samples = np.stack([getattr(elbo, name).numpy() for elbo in elbos])
        expected = np.sum(shares * samples, axis=0)
        expected += choice if name == "kl_latents" else 0
        np.testing.assert_allclose(term, expected, rtol=1e-4, atol=1e-5)


def test_each_sample_is_taught_by_its_weight(elbos):
    scores = [elbo.log_likelihood for elbo in elbos]
    with tf.GradientTape() as tape:
        tape.watch(scores)
        bound = importance_weighted(elbos).bound
    gradients = np.stack(tape.gradient(bound, scores))
    expected = -special.softmax(-_bounds(elbos), axis=0)
    np.testing.assert_allclose(gradients, expected, atol=1e-6)


def test_one_sample_is_itself_and_padding_costs_nothing(elbos):
    assert importance_weighted(elbos[:1]) is elbos[0]
    padding = Elbo.masked(tf.zeros([1, 2]), *(tf.zeros([1, 2]),) * 4)
    assert not np.any(importance_weighted([padding] * 4).bound)

"""p(Z|M-hat) and q(Z|X, M-hat) against numpy."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.models.kanerva_plus_plus.latent_layers import LatentPrior, RelativeGaussian
from kpp_tf.models.kanerva_plus_plus.options.groups import draw_in_groups
from tests.layer_checks import check_layer, perturb
from tests.models.kanerva_plus_plus.by_numpy import gaussian_kl

BATCH, LENGTH, SIZE, HIDDEN, FEATURES, CONTEXT = 2, 3, 4, 8, 5, 3


@pytest.fixture(params=[1, 3], ids=["P1", "P3"])
def side(request):
    return request.param


def _maps(side, channels, seed=0):
    random = np.random.default_rng(seed)
    shape = (BATCH, LENGTH, side, side, channels)
    return random.standard_normal(shape).astype(np.float32)


def _silu(x):
    return x / (1 + np.exp(-x))


def _softplus(x):
    return np.log1p(np.exp(x))


def _linear(maps, layer):
    """A dense layer, or a convolution of 3x3 with zeros around: in loops."""
    kernel, bias = (np.float64(w) for w in layer.get_weights())
    if kernel.ndim == 2:
        return maps @ kernel + bias
    side = maps.shape[2]
    padded = np.pad(maps, ((0, 0), (0, 0), (1, 1), (1, 1), (0, 0)))
    return bias + sum(
        padded[:, :, i : i + side, j : j + side] @ kernel[i, j]
        for i, j in np.ndindex(3, 3)
    )


def _hidden(layer, maps):
    features = _silu(_linear(np.float64(maps), layer.first))
    return features + _silu(_linear(features, layer.second))


def test_prior_equals_numpy(side):
    prior = LatentPrior(SIZE, side, HIDDEN)
    blocks, context = _maps(side, FEATURES), _maps(side, CONTEXT, 1)
    own = _maps(side, FEATURES, 2)
    prior(blocks, own, context)
    perturb(prior)
    mean, stddev = prior(blocks, own, context)
    hidden = _hidden(prior, np.concatenate([blocks, context], -1))
    linear = np.float64(prior.linear.get_weights()[0])
    expected = own @ linear + _linear(hidden, prior.mean)
    np.testing.assert_allclose(mean, expected, atol=1e-5)
    raw = _linear(hidden, prior.stddev) + np.log(np.e - 1)
    np.testing.assert_allclose(stddev, _softplus(raw) + 1e-4, atol=1e-5)


def test_posterior_equals_numpy(side):
    posterior = RelativeGaussian(SIZE, side, HIDDEN)
    embeddings, mean = _maps(side, FEATURES), _maps(side, SIZE, 1)
    stddev = np.exp(_maps(side, SIZE, 2))
    posterior(embeddings, mean, stddev)
    perturb(posterior)
    got = posterior(embeddings, mean, stddev)
    hidden = _hidden(posterior, np.concatenate([embeddings, mean, np.log(stddev)], -1))
    moved = _linear(hidden, posterior.move)
    np.testing.assert_allclose(got[0], moved, rtol=1e-4, atol=1e-5)
    raw = _linear(hidden, posterior.spread) + np.log(np.e - 1)
    np.testing.assert_allclose(got[1], _softplus(raw) + 1e-3, rtol=1e-4, atol=1e-5)


def test_an_aim_is_neared_by_a_share_of_the_way(side):
    """As far as five standard deviations of the prior, here where the others end."""
    posterior = RelativeGaussian(SIZE, side, HIDDEN, aimed=True)
    embeddings, mean = _maps(side, FEATURES), _maps(side, SIZE, 1)
    stddev = np.exp(_maps(side, SIZE, 2))
    aim = mean + stddev * 4 * _maps(side, SIZE, 3)
    assert np.all(posterior(embeddings, mean, stddev, aim)[0] == 0)
    perturb(posterior)
    blind = posterior(embeddings, mean, stddev)
    got = posterior(embeddings, mean, stddev, aim)
    hidden = _hidden(posterior, np.concatenate([embeddings, mean, np.log(stddev)], -1))
    way = np.clip((aim - mean) / stddev, -5, 5)
    assert 0.1 < np.mean(np.abs(way) == 5) < 0.9
    nearer = _linear(hidden, posterior.share) * way
    np.testing.assert_allclose(got[0] - blind[0], nearer, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(got[1], blind[1])


def test_both_start_where_nothing_is_known(side):
    """The prior has variance 1, and the posterior is the prior."""
    blocks, context = _maps(side, FEATURES), _maps(side, CONTEXT, 1)
    mean, stddev = LatentPrior(SIZE, side, HIDDEN)(blocks, blocks, context)
    np.testing.assert_allclose(stddev, 1, atol=2e-4)
    blank = tf.zeros_like(blocks)
    nothing, _ = LatentPrior(SIZE, side, HIDDEN)(blank, blank, context)
    np.testing.assert_allclose(nothing, 0, atol=1e-6)
    assert np.std(mean) > 0.1  # a block that was read shows from the first step on
    posterior = RelativeGaussian(SIZE, side, HIDDEN)(_maps(side, 2), mean, stddev)
    assert np.all(gaussian_kl(*posterior, 0, 1) < 1e-4)


@pytest.mark.parametrize("stddev", [1e-9, 1e-4, 1.0, 50.0])
def test_groups_draw_in_units_of_the_prior(stddev):
    """A prior as sharp as can be, far from 0, loses no digit of what is surprising."""
    shape = (BATCH, LENGTH, 1, 1, SIZE)
    prior = tf.fill(shape, 100.0), tf.fill(shape, stddev)
    drawn = _maps(1, SIZE)
    a, b = np.float32([0.5, -1, 0, 2]), np.float32([0.1, 1, 3, 0.01])
    seen = []

    def chain(known, mean, stddev):
        seen.append(known)
        return tf.ones_like(mean), 2 * tf.ones_like(stddev)

    def posterior(mean, stddev):
        return a + tf.zeros_like(mean), b + tf.zeros_like(stddev)

    got = draw_in_groups(2, prior, drawn, chain, posterior)
    surprise = a + b * np.float64(drawn)
    np.testing.assert_allclose(got.surprise, surprise, rtol=1e-5, atol=1e-6)
    first = np.arange(SIZE) < SIZE // 2
    np.testing.assert_allclose(seen[0], np.where(first, surprise, 0), rtol=1e-5)
    latents = 100 + stddev * np.where(first, surprise, 1 + 2 * surprise)
    np.testing.assert_allclose(got.latents, latents, rtol=1e-5)
    draw_in_groups(2, prior, 1e6 * drawn, chain, posterior)
    np.testing.assert_array_equal(np.abs(seen[1]), np.where(first, 5, 0) + 0 * drawn)


def test_prior_fulfils_the_layer_contract(side, tmp_path):
    shape = (BATCH, LENGTH, side, side, SIZE)
    inputs = *(_maps(side, FEATURES, n) for n in (0, 2)), _maps(side, CONTEXT, 1)
    make = lambda: LatentPrior(SIZE, side, HIDDEN)  # noqa: E731
    check_layer(make, inputs, (shape, shape), tmp_path)


def test_posterior_fulfils_the_layer_contract(side, tmp_path):
    shape = (BATCH, LENGTH, side, side, SIZE)
    inputs = _maps(side, FEATURES), _maps(side, SIZE, 1), np.exp(_maps(side, SIZE, 2))
    make = lambda: RelativeGaussian(SIZE, side, HIDDEN)  # noqa: E731
    check_layer(make, inputs, (shape, shape), tmp_path)
    make = lambda: RelativeGaussian(SIZE, side, HIDDEN, aimed=True)  # noqa: E731
    inputs = *inputs, _maps(side, SIZE, 3)
    check_layer(make, inputs, (shape, shape), tmp_path)

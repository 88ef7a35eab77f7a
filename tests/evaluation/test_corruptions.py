"""Statistics of the damage, within five standard errors."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.evaluation import corruptions

SEEDS = tf.constant([[1, 2], [3, 4]])
SHAPE = (2, 10, 28, 28, 1)
PIXELS = int(np.prod(SHAPE))


def _constant(value):
    return tf.fill(SHAPE, np.float32(value))


def test_salt_and_pepper_sets_a_share_of_pixels():
    damaged = corruptions.salt_and_pepper(_constant(0.5), SEEDS, share=0.2).numpy()
    assert set(np.unique(damaged)) == {0.0, 0.5, 1.0}
    for value, share in ((0.0, 0.1), (1.0, 0.1), (0.5, 0.8)):
        error = np.sqrt(share * (1 - share) / PIXELS)
        assert abs(np.mean(damaged == value) - share) < 5 * error


def test_speckle_multiplies_by_gaussian_noise():
    damaged = corruptions.speckle(_constant(0.5), SEEDS, stddev=0.2).numpy()
    # 5 standard deviations to the clip: none is clipped to speak of.
    assert abs(damaged.mean() - 0.5) < 5 * 0.1 / np.sqrt(PIXELS)
    assert abs(damaged.std() - 0.1) < 5 * 0.1 / np.sqrt(2 * PIXELS)
    black = corruptions.speckle(_constant(0.0), SEEDS).numpy()
    np.testing.assert_array_equal(black, 0)


def test_poisson_counts_photons_over_a_background():
    photons, rate = 200.0, 0.1 + 0.9 * 0.5
    damaged = corruptions.poisson(_constant(0.5), SEEDS, photons).numpy()
    variance = rate / photons
    assert abs(damaged.mean() - rate) < 5 * np.sqrt(variance / PIXELS)
    assert damaged.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / PIXELS))
    counts = damaged * photons
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-3)
    assert corruptions.poisson(_constant(0.0), SEEDS).numpy().max() > 0


@pytest.mark.parametrize("name", sorted(corruptions.BY_NAME))
def test_stays_in_range_and_in_shape(name):
    images = np.random.default_rng(0).random(SHAPE).astype(np.float32)
    damaged = corruptions.BY_NAME[name](images, SEEDS)
    assert damaged.shape == SHAPE and damaged.dtype == tf.float32
    assert 0 <= damaged.numpy().min() and damaged.numpy().max() <= 1
    assert np.mean(damaged.numpy() != images) > 0.1


@pytest.mark.parametrize("name", sorted(corruptions.BY_NAME))
def test_an_episode_is_damaged_by_its_own_seed(name):
    images = np.random.default_rng(0).random(SHAPE).astype(np.float32)
    both = corruptions.BY_NAME[name](images, SEEDS)
    alone = corruptions.BY_NAME[name](images[1:], SEEDS[1:])
    np.testing.assert_array_equal(both[1:], alone)
    other = corruptions.BY_NAME[name](images, SEEDS[::-1])
    assert np.any(other.numpy() != both.numpy())

"""Distances of images, and draws of them."""

import itertools
import types

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.evaluation import pixels

BINARY = types.SimpleNamespace(likelihood_name="bernoulli")
GREY = types.SimpleNamespace(likelihood_name="gaussian")
SEEDS = tf.constant([[1, 2], [3, 4]])


def test_distances_are_hamming_for_binary_images():
    images = np.random.default_rng(0).integers(0, 2, (5, 3, 3, 1)).astype(float)
    found = pixels.distances(images[:2], images)
    for row, column in itertools.product(range(2), range(5)):
        expected = np.mean(images[row] != images[column])
        assert found[row, column] == pytest.approx(expected)


def test_the_nearest_of_a_copy_is_itself():
    written = np.zeros((3, 1, 4, 1))
    written[1, :, :2], written[2] = 1, 1
    others = np.zeros((2, 1, 4, 1))
    others[0, 0, 0] = 1  # one pixel from the first and the second
    np.testing.assert_allclose(pixels.nearest(others, written), [1 / 4, 0])


def test_diversity_is_the_mean_over_pairs():
    images = np.zeros((3, 1, 4, 1))
    images[1, :, :2], images[2] = 1, 1
    assert pixels.diversity(images) == pytest.approx((1 / 2 + 1 + 1 / 2) / 3)
    assert pixels.diversity(np.ones((4, 2, 2, 1))) == 0


def test_binary_images_are_drawn_and_others_are_not():
    means = tf.fill([2, 500, 4, 4, 1], 0.3)
    drawn = pixels.drawn(BINARY, means, SEEDS)
    assert set(np.unique(drawn)) == {0, 1}
    assert drawn.mean() == pytest.approx(0.3, abs=5 * 0.46 / np.sqrt(16_000))
    np.testing.assert_array_equal(pixels.drawn(BINARY, means[1:], SEEDS[1:]), drawn[1:])
    np.testing.assert_array_equal(pixels.drawn(GREY, means, SEEDS), means)
    assert set(np.unique(pixels.likeliest(BINARY, means))) == {0}
    np.testing.assert_array_equal(pixels.likeliest(GREY, means), means)

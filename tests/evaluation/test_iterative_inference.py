"""Iterative inference: the path of images, and how well the memory explains them."""

import types

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from kpp_tf.evaluation.iterative_inference import reading_nll, refine_repeatedly

BINARY = types.SimpleNamespace(likelihood_name="bernoulli")
GREY = types.SimpleNamespace(likelihood_name="logistic_mixture")


class Halfway:
    """Each reading is half-way between the image and the memory."""

    likelihood_name = "logistic_mixture"

    def refine(self, memory, images):
        return (images + memory[:, None]) / 2


def test_the_path_begins_with_the_image_and_applies_refine():
    images, memory = tf.zeros([1, 3, 2, 2, 1]), tf.ones([1, 2, 2, 1])
    path = refine_repeatedly(Halfway(), memory, images, steps=3)
    assert path.images.shape == (4, 1, 3, 2, 2, 1)
    np.testing.assert_allclose(path.images[:, 0, 0, 0, 0, 0], [0, 0.5, 0.75, 0.875])
    # Each against its reading: distances of 1/2, 1/4, 1/8, 1/16 at 4 pixels.
    expected = 0.5 * 255 * 4 * np.array([1 / 2, 1 / 4, 1 / 8, 1 / 16]) ** 2
    np.testing.assert_allclose(path.nll[:, 0, 0], expected, rtol=1e-5)


def test_nll_of_binary_images_is_the_bernoulli_cross_entropy():
    rng = np.random.default_rng(0)
    images = rng.random((2, 3, 4, 4, 1)).astype(np.float32)
    reading = rng.uniform(0.01, 0.99, images.shape).astype(np.float32)
    expected = -stats.bernoulli.logpmf(np.rint(images), reading).sum(axis=(2, 3, 4))
    np.testing.assert_allclose(reading_nll(BINARY, images, reading), expected, 1e-5)


def test_nll_of_binary_images_is_finite_where_the_reading_is_certain():
    nll = reading_nll(BINARY, tf.ones([1, 1, 1, 1, 1]), tf.zeros([1, 1, 1, 1, 1]))
    assert float(nll[0, 0]) == pytest.approx(-np.log(1e-6), rel=1e-3)


def test_nll_of_grey_images_is_a_squared_distance_in_levels():
    images = tf.constant([0.0, 1.0], shape=[1, 1, 1, 2, 1])
    reading = tf.constant([0.5, 1.0], shape=[1, 1, 1, 2, 1])
    levels = (0.5 * 255) ** 2 / 2 / 255
    assert float(reading_nll(GREY, images, reading)[0, 0]) == pytest.approx(levels)

"""Codes without a network: closed forms, SciPy's optimum, and a model's bits."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import optimize, special

from kpp_tf.data import ImageTable
from kpp_tf.evaluation import rate_curve
from tests.evaluation.known_model import BATCHES, KnownModel


def _images(count=60, pixels=6, seed=0):
    """Pixels of 0 and 1 that hang together by two hidden numbers."""
    rng = np.random.default_rng(seed)
    hidden, mix = rng.normal(size=(count, 2)), rng.normal(size=(2, pixels))
    chance = special.expit(2 * hidden @ mix)
    return (rng.random((count, pixels)) < chance).astype(np.float32)


def _table(images, levels=2):
    pixels = (images * 255).astype(np.uint8).reshape(-1, 2, 3, 1)
    return ImageTable(pixels, None, levels, "made", "test")


def _cross_entropy(logits, images):
    return np.sum(np.logaddexp(0, logits) - images * logits, axis=1)


def _coordinates(images, numbers):
    """Of the images, by the singular value decomposition."""
    mean = images.mean(axis=0)
    _, _, axes = np.linalg.svd(images - mean)
    return mean, axes[:numbers].T


def test_one_logistic_has_the_likeliest_slope_and_bias():
    train, test = _images().astype(np.float64), _images(seed=1).astype(np.float64)
    mean, axes = _coordinates(train, 2)

    def logits(images, slope_bias):
        rebuilt = mean + (images - mean) @ axes @ axes.T
        return slope_bias[0] * rebuilt + slope_bias[1]

    best = optimize.minimize(
        lambda ab: _cross_entropy(logits(train, ab), train).mean(), [1.0, 0.0]
    ).x
    losses = rate_curve.pca_and_one_logistic(
        train.astype(np.float32), test.astype(np.float32), 2
    )
    np.testing.assert_allclose(losses, _cross_entropy(logits(test, best), test), 1e-2)


def test_a_logistic_a_pixel_is_the_likeliest_regression():
    train, test = _images(400), _images(seed=1)
    mean, axes = _coordinates(train.astype(np.float64), 1)

    def logits(images, weights):
        return (images - mean) @ axes * weights[0] + weights[1]

    expected = np.zeros(len(test))
    for pixel in range(6):
        one = [pixel]
        best = optimize.minimize(
            lambda w, one=one: _cross_entropy(logits(train, w), train[:, one]).mean(),
            [0.0, 0.0],
        ).x
        expected += _cross_entropy(logits(test, best), test[:, one])
    losses = rate_curve.pca_and_a_logistic_a_pixel(train, test, 1)
    np.testing.assert_allclose(losses, expected, rtol=1e-2)


def test_packed_pixels_cost_the_name_of_their_slot_alone():
    table = _table(_images())
    row = rate_curve.plain_rows(table, table, slots=36, numbers=())[0]
    assert row["code"] == "packed pixels"
    assert row["bits_per_image"] == 6
    assert row["value"] == pytest.approx(np.log(36))
    assert row["standard_error"] == 0 and row["unit"] == "nats/image"


def test_images_of_256_levels_have_packed_pixels_alone():
    table = _table(_images(), levels=256)
    (row,) = rate_curve.plain_rows(table, table, slots=8)
    assert row["bits_per_image"] == 8 * 6
    assert row["unit"] == "bits/dim"
    assert row["value"] == pytest.approx(np.log2(8) / 6)


def test_a_row_has_the_mean_over_images_and_its_error():
    train, test = _table(_images()), _table(_images(seed=1))
    rows = rate_curve.plain_rows(train, test, slots=4, numbers=(2,))
    one, pixelwise, _ = rows
    losses = rate_curve.pca_and_one_logistic(_images(), _images(seed=1), 2)
    assert one["value"] == pytest.approx(losses.mean() + np.log(4), rel=1e-5)
    error = losses.std(ddof=1) / np.sqrt(60)
    assert one["standard_error"] == pytest.approx(error, rel=1e-5)
    assert one["bits_per_image"] == pixelwise["bits_per_image"] == 64


def test_grey_pixels_are_drawn():
    grey = np.full((4000, 6), 0.25, np.float32)
    table = _table(grey)
    rows = rate_curve.plain_rows(table, table, slots=1, numbers=(1,))
    # Independent pixels of chance 63/255, of which one coordinate explains a little.
    entropy = special.entr([63 / 255, 192 / 255]).sum() * 6
    assert 0.7 * entropy < rows[0]["value"] < entropy


def test_a_model_is_scored_at_every_precision_of_its_memory():
    class Cells(KnownModel):
        """A memory [B, 1, 1, D], as quantization wants it."""

        def write(self, episode, mask=None, written=None):
            mask = tf.ones(tf.shape(episode)[:2]) if mask is None else mask
            flat = super().write(episode, mask, written)
            return tf.reshape(flat, [-1, 1, 1, 4])

        def elbo(self, episode, seeds, mask=None, memory=None, **given):
            if memory is None:
                memory = self.write(episode, mask)
            memory = tf.reshape(memory, [-1, 2, 2, 1])
            return super().elbo(episode, seeds, mask, memory=memory, **given)

    rows = rate_curve.model_rows(Cells(), BATCHES, 4)
    bits = [row["bits_per_image"] for row in rows]
    # One cell: each channel is its own largest number, stored exactly by its scale.
    assert bits == [4 * 32 / 4, 4 * 16 / 4, 4 * (8 + 32) / 4, 4 * (4 + 32) / 4]
    assert rows[0]["code"] == "model, memory of float32"
    values = [row["value"] for row in rows]
    assert values[2] == pytest.approx(values[0]) and values[1] != values[0]

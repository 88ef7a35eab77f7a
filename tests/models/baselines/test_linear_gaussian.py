"""Bayes' rule in float32 against float64 closed forms, quadrature and Monte Carlo."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from kpp_tf.models.baselines import linear_gaussian

SLOTS, SIZE, FRAMES, BATCH = 6, 5, 9, 3


def _prior(rng, slots=SLOTS, size=SIZE):
    mean = rng.normal(size=[slots, size])
    variance = rng.uniform(0.3, 2.0, size=slots)
    return mean, variance


def _memory(mean, variance, batch=BATCH):
    return linear_gaussian.independent_slots(
        tf.constant(mean, tf.float32), tf.constant(variance, tf.float32), batch
    )


def _frames(rng, batch=BATCH, frames=FRAMES, scale=1.0):
    """Weights and codes."""
    weights = scale * rng.normal(size=[batch, frames, SLOTS])
    codes = rng.normal(size=[batch, frames, SIZE])
    return tf.constant(weights, tf.float32), tf.constant(codes, tf.float32)


def _kl(memory, mean, variance):
    return linear_gaussian.kl_divergence(
        memory, tf.constant(mean, tf.float32), tf.constant(variance, tf.float32)
    )


def _closed_form(mean, variance, weights, codes, noise_variance):
    """Posterior of one episode in float64, in the precision form."""
    precision = np.diag(1 / variance) + weights.T @ weights / noise_variance
    covariance = np.linalg.inv(precision)
    information = mean / variance[:, None] + weights.T @ codes / noise_variance
    return covariance @ information, covariance


@pytest.mark.parametrize("noise_variance", [0.05, 1.0])
def test_condition_is_the_closed_form_posterior(noise_variance):
    rng = np.random.default_rng(0)
    mean, variance = _prior(rng)
    frames = _frames(rng)
    memory = _memory(mean, variance)
    posterior = linear_gaussian.condition(memory, *frames, noise_variance)
    for b in range(BATCH):
        written = (np.float64(part[b]) for part in frames)
        expected_mean, expected_covariance = _closed_form(
            mean, variance, *written, noise_variance
        )
        np.testing.assert_allclose(posterior.mean[b], expected_mean, atol=1e-5)
        np.testing.assert_allclose(
            posterior.covariance[b], expected_covariance, atol=1e-5
        )
        np.testing.assert_allclose(
            posterior.log_determinant[b],
            np.linalg.slogdet(expected_covariance)[1],
            atol=1e-4,
        )


def test_writing_in_two_blocks_equals_one():
    rng = np.random.default_rng(1)
    weights, codes = _frames(rng)
    memory = _memory(*_prior(rng))
    whole = linear_gaussian.condition(memory, weights, codes, 0.5)
    first = linear_gaussian.condition(memory, weights[:, :4], codes[:, :4], 0.5)
    both = linear_gaussian.condition(first, weights[:, 4:], codes[:, 4:], 0.5)
    np.testing.assert_allclose(both.mean, whole.mean, atol=1e-5)
    np.testing.assert_allclose(both.covariance, whole.covariance, atol=1e-5)
    np.testing.assert_allclose(both.log_determinant, whole.log_determinant, atol=1e-4)


def test_least_squares_weights_solve_the_augmented_system():
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=[BATCH, SLOTS, SIZE])  # fewer columns than slots
    codes = rng.normal(size=[BATCH, FRAMES, SIZE])
    ridge = 0.3
    weights = linear_gaussian.least_squares_weights(
        tf.constant(matrix, tf.float32), tf.constant(codes, tf.float32), ridge
    )
    for b in range(BATCH):
        system = np.concatenate([matrix[b].T, np.sqrt(ridge) * np.eye(SLOTS)])
        right = np.concatenate([codes[b].T, np.zeros([SLOTS, FRAMES])])
        expected = np.linalg.lstsq(system, right, rcond=None)[0].T
        np.testing.assert_allclose(weights[b], expected, atol=1e-5)


def test_solve_gradient_matches_finite_differences():
    rng = np.random.default_rng(3)
    root = rng.normal(size=[2, 4, 4])
    matrix = tf.constant(root @ root.transpose(0, 2, 1) + np.eye(4), tf.float64)
    right = tf.constant(rng.normal(size=[2, 4, 3]), tf.float64)
    theoretical, numerical = tf.test.compute_gradient(
        # Symmetrised, as Cholesky reads one triangle only.
        lambda m, r: linear_gaussian.solve_positive_definite(
            0.5 * (m + tf.linalg.matrix_transpose(m)), r
        ),
        [matrix, right],
    )
    for exact, measured in zip(theoretical, numerical, strict=True):
        np.testing.assert_allclose(exact, measured, atol=1e-6)


def test_memory_kl_matches_monte_carlo():
    rng = np.random.default_rng(4)
    mean, variance = _prior(rng)
    frames = _frames(rng, 1, 3, 0.5)
    memory = linear_gaussian.condition(_memory(mean, variance, 1), *frames, 0.5)
    kl = _kl(memory, mean, variance)
    draws = 20_000
    noise = tf.constant(rng.normal(size=[draws, SLOTS, SIZE]), tf.float32)
    samples = linear_gaussian.sample(memory, noise).numpy().astype(np.float64)
    identity = np.eye(SIZE)
    posterior = scipy.stats.matrix_normal(
        memory.mean[0].numpy(), memory.covariance[0].numpy(), identity
    )
    prior = scipy.stats.matrix_normal(mean, np.diag(variance), identity)
    ratios = posterior.logpdf(samples) - prior.logpdf(samples)
    error = ratios.std() / np.sqrt(draws)
    assert error < 0.05
    assert abs(float(kl[0]) - ratios.mean()) < 4 * error


def test_samples_have_the_mean_and_covariance():
    rng = np.random.default_rng(5)
    frames = _frames(rng, 1, 4)
    memory = linear_gaussian.condition(_memory(*_prior(rng), 1), *frames, 0.5)
    noise = tf.constant(rng.normal(size=[20_000, SLOTS, SIZE]), tf.float32)
    samples = linear_gaussian.sample(memory, noise).numpy()
    np.testing.assert_allclose(samples.mean(0), memory.mean[0], atol=0.05)
    centred = samples - memory.mean[0].numpy()
    # Columns are independent and share the covariance of the rows.
    covariance = np.einsum("nsd,nrd->sr", centred, centred) / (20_000 * SIZE)
    np.testing.assert_allclose(covariance, memory.covariance[0], atol=0.03)


def test_kl_of_a_memory_nothing_was_written_to_is_zero():
    mean, variance = _prior(np.random.default_rng(6))
    kl = _kl(_memory(mean, variance), mean, variance)
    np.testing.assert_allclose(kl, np.zeros(BATCH), atol=1e-5)


@pytest.mark.parametrize("size", [1e-20, 1.0, 1e4])
def test_a_block_of_equal_weights_is_finite_with_its_gradient(size):
    weights = tf.Variable(tf.fill([2, 32, SLOTS], tf.constant(size, tf.float32)))
    codes = tf.ones([2, 32, SIZE])
    mean, variance = _prior(np.random.default_rng(8))
    with tf.GradientTape() as tape:
        memory = linear_gaussian.condition(
            _memory(mean, variance, 2), weights, codes, 1e-4
        )
        kl = _kl(memory, mean, variance)
    assert np.isfinite(kl).all()
    assert np.isfinite(memory.mean).all()
    assert np.isfinite(tape.gradient(kl, weights)).all()
    np.linalg.cholesky(memory.covariance.numpy().astype(np.float64))


@pytest.mark.parametrize("kind", ["random", "constant", "loud"])
def test_covariance_stays_positive_definite_over_100_blocks(kind):
    rng = np.random.default_rng(7)
    slots, size, blocks, frames = 32, 8, 100, 10
    weights = rng.normal(size=[blocks, 2, frames, slots]).astype(np.float32)
    if kind == "constant":
        weights[:] = weights[0, :, :1]
    if kind == "loud":
        weights *= 30.0
    codes = rng.normal(size=[blocks, 2, frames, size]).astype(np.float32)
    write = tf.function(linear_gaussian.condition)
    memory = _memory(np.zeros([slots, size]), np.ones(slots), 2)
    for block in zip(weights, codes, strict=True):
        memory = write(memory, *block, tf.constant(0.1))
    covariance = np.float64(memory.covariance)
    np.testing.assert_array_equal(covariance, covariance.transpose(0, 2, 1))
    np.linalg.cholesky(covariance)  # raises unless positive definite
    # ... and it is still the right one: float64 in the precision form.
    for b in range(2):
        written = np.float64(weights[:, b].reshape(-1, slots))
        exact = np.linalg.inv(np.eye(slots) + written.T @ written / 0.1)
        np.testing.assert_allclose(
            covariance[b], exact, atol=1e-3 * np.abs(exact).max()
        )
    assert np.isfinite(memory.mean).all()

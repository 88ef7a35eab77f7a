"""Distances of samples: closed forms, SciPy, and models that copy or jump."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy import linalg

from kpp_tf.evaluation import sample_quality
from tests.evaluation import tiny_models


def _with_moments(mean, covariance, count=50, seed=0):
    """Rows whose mean and covariance are exactly those."""
    rows = np.random.default_rng(seed).normal(size=(count, len(mean)))
    rows -= rows.mean(axis=0)
    whitened = np.linalg.solve(np.linalg.cholesky(np.cov(rows.T)), rows.T).T
    return whitened @ np.linalg.cholesky(covariance).T + mean


def test_frechet_distance_of_diagonal_gaussians_in_closed_form():
    stddev = np.array([0.5, 2.0, 3.0])
    first = _with_moments(np.zeros(3), np.eye(3))
    second = _with_moments(np.array([1.0, -2.0, 0.5]), np.diag(stddev**2), seed=1)
    expected = 1 + 4 + 0.25 + np.sum((stddev - 1) ** 2)
    assert sample_quality.frechet_distance(first, second) == pytest.approx(expected)


def test_frechet_distance_agrees_with_the_matrix_square_root():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(40, 6)) @ rng.normal(size=(6, 6))
    second = rng.normal(size=(30, 6)) @ rng.normal(size=(6, 6)) + 0.3
    c1, c2 = np.cov(first.T), np.cov(second.T)
    root = linalg.sqrtm(c1 @ c2).real
    expected = np.sum((first.mean(axis=0) - second.mean(axis=0)) ** 2)
    expected += np.trace(c1 + c2 - 2 * root)
    distance = sample_quality.frechet_distance(first, second)
    assert distance == pytest.approx(expected, rel=1e-6)
    assert sample_quality.frechet_distance(second, first) == pytest.approx(distance)


def test_frechet_distance_is_zero_for_equal_moments_even_of_low_rank():
    rows = np.random.default_rng(0).normal(size=(5, 20))
    assert sample_quality.frechet_distance(rows, rows) == pytest.approx(0, abs=1e-6)


def test_frechet_distance_refuses_what_has_no_covariance():
    with pytest.raises(ValueError, match=r"Received: shapes \(1, 3\) and \(2, 3\)"):
        sample_quality.frechet_distance(np.zeros((1, 3)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="Received"):
        sample_quality.frechet_distance(np.zeros((4, 3)), np.zeros((4, 2)))


def test_pixel_distances_are_hamming_for_binary_images():
    images = np.random.default_rng(0).integers(0, 2, (5, 3, 3, 1)).astype(float)
    distances = sample_quality.pixel_distances(images[:2], images)
    for row, column in itertools.product(range(2), range(5)):
        expected = np.mean(images[row] != images[column])
        assert distances[row, column] == pytest.approx(expected)


def test_novelty_is_the_distance_to_the_nearest_frame():
    written = np.zeros((3, 1, 4, 1))
    written[1, :, :2], written[2] = 1, 1  # distances: 1/2 to the first, 1/2 between
    samples = np.zeros((2, 1, 4, 1))
    samples[0, 0, 0] = 1  # one pixel from the first and the second frame
    nearest, between = sample_quality.novelty(samples, written)
    assert nearest == pytest.approx((1 / 4 + 0) / 2)
    assert between == pytest.approx(1 / 2)


def test_smoothness_tells_a_jump_from_an_even_crossing():
    even = np.linspace(0, 1, 11)[:, None, None, None] * np.ones((1, 2, 2, 1))
    assert sample_quality.smoothness(even) == pytest.approx((0.1, 1.0))
    jump = np.rint(even - 0.05)
    assert sample_quality.smoothness(jump) == pytest.approx((1.0, 1.0))
    detour = np.concatenate([even, even[::-1], even])
    assert sample_quality.smoothness(detour)[1] == pytest.approx(3.0)
    assert np.all(np.isnan(sample_quality.smoothness(0 * even)))


def _features(images):
    """Sums over rows and columns: 16 numbers."""
    return np.concatenate([images.sum(axis=1), images.sum(axis=2)], axis=1)[..., 0]


class Copier:
    """A memory that merely stores: samples are the written frames."""

    likelihood_name = "bernoulli"
    image_shape = (8, 8, 1)

    def write(self, episode, mask=None):
        del mask
        return episode

    def generate(self, memory, num_samples, seeds):
        del seeds
        assert num_samples == memory.shape[1]
        return memory

    def refine(self, memory, images):
        del memory
        return images


def test_a_memory_that_merely_stores_is_found_out():
    results = sample_quality.measure(Copier(), tiny_models.episodes(64), _features)
    assert results["novelty"] == results["novelty_refined"] == 0
    assert results["nearest_other_frame"] > 0
    floor = results["frechet_written_to_held_out"]
    assert floor > 0
    for name in ("samples", "refined"):
        written = results[f"frechet_{name}_to_written"]
        assert written == pytest.approx(0, abs=1e-5)
        assert results[f"frechet_{name}_to_held_out"] == pytest.approx(floor, rel=1e-5)
    assert "largest_step" not in results
    assert results["written_images"] == results["held_out_images"] == 32


def test_held_out_images_are_never_written():
    seen = []

    class Witness(Copier):
        def write(self, episode, mask=None):
            seen.append(episode.numpy())
            return episode

    batches = tiny_models.episodes(64)
    sample_quality.measure(Witness(), batches, _features)
    np.testing.assert_array_equal(seen, [b.images for b in batches[::2]])


def test_refinement_draws_near_what_is_written():
    class Refiner(Copier):
        def generate(self, memory, num_samples, seeds):
            del seeds, num_samples
            return 0.5 * tf.ones_like(memory)

        def refine(self, memory, images):
            del images
            return memory

    results = sample_quality.measure(Refiner(), tiny_models.episodes(64), _features)
    assert results["novelty"] > 0 == results["novelty_refined"]
    assert results["frechet_refined_to_written"] < 1e-5
    assert results["frechet_samples_to_written"] > 1


@pytest.fixture(scope="module")
def model():
    return tiny_models.kanerva_plus_plus()


def test_kanerva_plus_plus_is_measured_the_same_every_time(model):
    batches = tiny_models.episodes(32)
    calls = []
    first, second = (
        sample_quality.measure(
            model, batches, _features, 1, progress=lambda: calls.append(1)
        )
        for _ in range(2)
    )
    assert first == second
    assert len(calls) == 2 * len(batches)
    assert all(np.isfinite(value) for value in first.values())
    assert 1 / sample_quality.PATH_STEPS <= first["largest_step"]
    assert first["path_length"] >= 1 - 1e-6


def test_key_paths_begin_and_end_at_the_frames_keys(model):
    batch = tiny_models.episodes(16)[0]
    memory = model.write(batch.images)
    paths = sample_quality.key_paths(model, memory, batch)
    assert paths.shape == (4 * 3, sample_quality.PATH_STEPS + 1, 8, 8, 1)
    keys = model.infer_keys(memory, batch.images)
    images = model.generate_from_keys(memory, keys).numpy()
    ends = paths.reshape(4, 3, -1, 8, 8, 1)
    np.testing.assert_allclose(ends[:, :, 0], images[:, :3], atol=1e-6)
    np.testing.assert_allclose(ends[:, :, -1], images[:, 1:4], atol=1e-6)


def test_too_few_whole_episodes_are_an_error():
    with pytest.raises(ValueError, match="Received: 1 to write, 0 to hold out"):
        sample_quality.measure(Copier(), tiny_models.episodes(16), _features)

"""Frechet distances: closed forms, and SciPy's matrix square root."""

import numpy as np
import pytest
from scipy import linalg

from kpp_tf.evaluation.frechet import frechet_distance


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
    assert frechet_distance(first, second) == pytest.approx(expected)


def test_frechet_distance_agrees_with_the_matrix_square_root():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(40, 6)) @ rng.normal(size=(6, 6))
    second = rng.normal(size=(30, 6)) @ rng.normal(size=(6, 6)) + 0.3
    c1, c2 = np.cov(first.T), np.cov(second.T)
    root = linalg.sqrtm(c1 @ c2).real
    expected = np.sum((first.mean(axis=0) - second.mean(axis=0)) ** 2)
    expected += np.trace(c1 + c2 - 2 * root)
    distance = frechet_distance(first, second)
    assert distance == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(second, first) == pytest.approx(distance)


def test_frechet_distance_is_zero_for_equal_moments_even_of_low_rank():
    rows = np.random.default_rng(0).normal(size=(5, 20))
    assert frechet_distance(rows, rows) == pytest.approx(0, abs=1e-6)


def test_frechet_distance_refuses_what_has_no_covariance():
    with pytest.raises(ValueError, match=r"Received: shapes \(1, 3\) and \(2, 3\)"):
        frechet_distance(np.zeros((1, 3)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="Received"):
        frechet_distance(np.zeros((4, 3)), np.zeros((4, 2)))

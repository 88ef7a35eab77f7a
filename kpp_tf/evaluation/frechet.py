"""The Frechet distance of two sets of features."""

import numpy as np


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Frechet distance of Gaussians with the moments of two sets of features.

        d^2 = |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^(1/2) C2 C1^(1/2))^(1/2))

    Args:
      first: [N, F].
      second: [M, F].

    Returns:
      d^2 in squared units of the features; 0 for equal moments.

    Raises:
      ValueError: if a set has fewer than two rows or they differ in F.

    Reference: Heusel et al., "GANs trained by a two time-scale update rule converge to
    a local Nash equilibrium", NeurIPS 2017. Values in the features of another network
    are not comparable.
    """
    if min(len(first), len(second)) < 2 or first.shape[1:] != second.shape[1:]:
        raise ValueError(
            "a Frechet distance takes two sets [N, F] of two rows or more. Received: "
            f"shapes {first.shape} and {second.shape}"
        )
    means = [features.mean(axis=0) for features in (first, second)]
    c1, c2 = (np.cov(features, rowvar=False) for features in (first, second))
    c1, c2 = np.atleast_2d(c1), np.atleast_2d(c2)
    values, vectors = np.linalg.eigh(c1)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.linalg.eigvalsh(root @ c2 @ root)
    trace = np.trace(c1) + np.trace(c2) - 2 * np.sqrt(np.maximum(cross, 0)).sum()
    # Rounding can leave equal moments a little below 0.
    return max(float(np.sum((means[0] - means[1]) ** 2) + trace), 0.0)

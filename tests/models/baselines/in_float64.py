"""Terms of a bound in float64."""

import numpy as np


def kl_to_standard(mean, stddev):
    return np.sum(0.5 * (mean**2 + stddev**2 - 1) - np.log(stddev), axis=-1)


def row(maps):
    """[B, T, ...] to [B, T, N] in float64: the cells of a map after each other."""
    return np.float64(maps).reshape(*np.shape(maps)[:2], -1)


def log_bernoulli(images, logits):
    return np.sum(images * logits - np.logaddexp(0, logits), axis=(2, 3, 4))

"""Tiny K++ models, and numpy's account of their keys."""

import keras
import numpy as np
from scipy import stats

from kpp_tf import noise
from kpp_tf.models import KanervaPlusPlus

BATCH, LENGTH, SHAPE, SIZE, DEPTH = 3, 5, (8, 8, 1), 4, 6
NETWORKS = {
    "encoder": {
        "widths": (8,),
        "blocks": (1,),
        "stem_stride": 4,
        "embedding_size": 12,
    },
    "decoder": {"widths": (8,), "blocks": (1,), "head_stride": 4, "hidden": 0},
}
COMMON = {
    "image_shape": SHAPE,
    "episode_length": 4,  # not the tests' T: another length must do
    "memory_size": SIZE,
    "memory_depth": DEPTH,
    "latent_size": 3,
    **NETWORKS,
}
VARIANTS = {
    "allocated": {},
    "blocks": {"block_size": 2, "blocks_per_frame": 2, "sharpness": 2.0},
    "box": {"key_posterior": "box", "sharpness": 2.0},
    "pooled": {"writer": "pooled", "block_size": 2, "decode_blocks": False},
}


def make_model(**arguments):
    """A built model of fixed weights; `arguments` override `COMMON`."""
    keras.utils.set_random_seed(0)
    model = KanervaPlusPlus(**{**COMMON, **arguments})
    model.build_from_shapes()
    return model


def random_episode():
    """Binary images [B, T, H, W, C]."""
    random = np.random.default_rng(1)
    return random.integers(0, 2, (BATCH, LENGTH, *SHAPE)).astype(np.float32)


def gaussian_kl(mean, stddev, prior_mean, prior_stddev):
    m, s, pm, ps = (np.float64(x) for x in (mean, stddev, prior_mean, prior_stddev))
    return np.sum(np.log(ps / s) + (s**2 + (m - pm) ** 2) / (2 * ps**2) - 0.5, -1)


def keys_and_kls(model, mean, stddev, seeds):
    """Keys [B, T, K, 3] drawn with the documented noise, KL and ln q - ln p [B, T]."""
    if model.key_family == "gaussian":
        law = stats.norm(np.float64(mean), np.float64(stddev))
        keys = mean + stddev * noise.normal(seeds, mean.shape[1:], salt=1)
        kl = gaussian_kl(mean, stddev, 0, 1)
    else:
        centre, half_width = stats.norm.cdf(np.float64(mean)), 3**0.5 * stddev
        edges = np.clip([centre - half_width, centre + half_width], 1e-4, 1 - 1e-4)
        law = stats.truncnorm(*stats.norm.ppf(edges))
        keys = law.ppf(noise.uniform(seeds, mean.shape[1:], salt=1))
        kl = -np.log(edges[1] - edges[0]).sum(-1)
    log_ratio = np.sum(law.logpdf(keys) - stats.norm.logpdf(keys), axis=(-1, -2))
    return np.float32(keys), kl.sum(-1), log_ratio


def assert_terms(got, expected, rtol=1e-5, atol=1e-4):
    for name, x, y in zip(got._fields, got, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=rtol, atol=atol, err_msg=name)

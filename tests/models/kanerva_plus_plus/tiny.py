"""Tiny K++ models and episodes for them."""

import keras
import numpy as np

from kpp_tf.models import KanervaPlusPlus
from tests.layer_checks import perturb

BATCH, LENGTH, SHAPE = 3, 5, (8, 8, 1)
MASK = np.float32([[1, 1, 1, 0, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1]])
WRITTEN = np.float32([[1, 0, 1, 1, 0], [0, 1, 0, 0, 1], [1, 1, 1, 1, 1]])
COMMON = {
    "image_shape": SHAPE,
    "likelihood": "bernoulli",
    "episode_length": 4,  # not the tests' T: another length must do
    "encoder": {
        "widths": (8,),
        "blocks": (2,),
        "stem_stride": 4,
        "shift": "causal",
        "embedding_size": 12,
    },
    "decoder": {"widths": (8,), "blocks": (1,), "head_stride": 4, "hidden": 0},
    "memory_size": 3,
    "memory_depth": 6,
    "block_size": 1,
    "blocks_per_frame": 1,
    "latent_size": 3,
    "hidden": 8,
    "allocation": "content",
    "finest": 0.4,
    "scale_low": 0.4,
    "scale_high": 0.7,
    "key_posterior": "box",
    "explored": 0.5,
}
BLOCKS = {"memory_size": 8, "block_size": 2, "blocks_per_frame": 2, "latent_groups": 3}
VARIANTS = {
    "box": {},
    "gaussian": {"key_posterior": "gaussian", "allocation": "turn"},
    "box of blocks": {**BLOCKS, "near": 0.5},
    "gaussian of blocks": {**BLOCKS, "key_posterior": "gaussian"},
}


def make_model(moved=0.15, **arguments):
    """A built model of fixed weights, all moved off their start by `moved`."""
    keras.utils.set_random_seed(0)
    model = KanervaPlusPlus(**{**COMMON, **arguments})
    model.build_from_shapes()
    if moved:
        perturb(model, moved)
    return model


def with_shift(shift):
    return {"encoder": {**COMMON["encoder"], "shift": shift}}


def random_episode(length=LENGTH, batch=BATCH, seed=1):
    """Binary images [B, T, H, W, C]."""
    random = np.random.default_rng(seed)
    return random.integers(0, 2, (batch, length, *SHAPE)).astype(np.float32)


def assert_terms(got, expected, rtol=1e-5, atol=1e-4):
    for name, x, y in zip(got._fields, got, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=rtol, atol=atol, err_msg=name)


def assert_same_bits(got, expected):
    for name, x, y in zip(got._fields, got, expected, strict=True):
        np.testing.assert_array_equal(x, y, err_msg=name)

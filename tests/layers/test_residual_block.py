"""The residual block against a float64 computation."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.layers import ResidualBlock
from kpp_tf.layers.residual_block import group_norm
from tests.layer_checks import check_layer, perturb

BATCH, LENGTH, SIDE, CHANNELS = 2, 3, 5, 8
SHAPE = (BATCH, LENGTH, SIDE, SIDE, CHANNELS)


@pytest.fixture(scope="module")
def features():
    return np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)


def _normalise(frames, groups, gamma, beta):
    grouped = frames.reshape(*frames.shape[:3], groups, -1)
    mean = grouped.mean(axis=(1, 2, 4), keepdims=True)
    variance = grouped.var(axis=(1, 2, 4), keepdims=True)
    grouped = (grouped - mean) / np.sqrt(variance + 1e-5)
    return grouped.reshape(frames.shape) * gamma + beta


def _shift_forward(features):
    out = features.copy()
    out[:, 0, ..., :1] = 0
    out[:, 1:, ..., :1] = features[:, :-1, ..., :1]
    return out


def _convolve(frames, kernel, stride=1):
    return tf.nn.conv2d(frames, kernel, stride, "SAME").numpy()


@pytest.mark.parametrize(("width", "stride"), [(8, 1), (8, 2), (16, 1)])
def test_equals_numpy(features, width, stride):
    block = ResidualBlock(width, stride, shift="causal")
    block(features)
    perturb(block)
    weights = {w.path.split("/", 1)[1]: np.float64(w) for w in block.weights}
    frames = np.float64(features).reshape(-1, *SHAPE[2:])
    shifted = _shift_forward(np.float64(features)).reshape(frames.shape)
    groups = {8: 2, 16: 4}[width]

    def norm(name, x):
        return _normalise(x, groups, weights[f"{name}/gamma"], weights[f"{name}/beta"])

    branch = _convolve(shifted, weights["first/kernel"], stride)
    branch = np.maximum(norm("first_norm", branch), 0)
    branch = norm("second_norm", _convolve(branch, weights["second/kernel"]))
    shortcut = frames
    if "projection/kernel" in weights:
        shortcut = _convolve(frames, weights["projection/kernel"], stride)
        shortcut = shortcut + weights["projection/bias"]
    expected = np.maximum(shortcut + branch, 0)
    got = block(features).numpy()
    np.testing.assert_allclose(got.reshape(expected.shape), expected, atol=2e-5)


def test_starts_as_its_shortcut(features):
    block = ResidualBlock(CHANNELS, shift="bidirectional")
    np.testing.assert_array_equal(block(features), np.maximum(features, 0))


@pytest.mark.parametrize(("width", "stride"), [(8, 1), (12, 2)])
def test_fulfils_the_layer_contract(features, width, stride, tmp_path):
    side = -(-SIDE // stride)
    check_layer(
        lambda: ResidualBlock(width, stride, "bidirectional"),
        (features,),
        ((BATCH, LENGTH, side, side, width),),
        tmp_path,
    )


@pytest.mark.parametrize(
    ("channels", "groups"), [(1, 1), (4, 1), (8, 2), (12, 3), (64, 8), (512, 8)]
)
def test_groups_hold_at_least_four_channels(channels, groups):
    assert group_norm(channels).groups == groups

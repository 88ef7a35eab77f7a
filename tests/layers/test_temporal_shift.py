"""The temporal shift against numpy slicing."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.layers import TemporalShift
from tests.layer_checks import check_layer

BATCH, LENGTH, CHANNELS = 2, 5, 16
SHAPE = (BATCH, LENGTH, 3, 4, CHANNELS)


@pytest.fixture(scope="module")
def features():
    return np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)


def _shifted(features, mode, moved):
    out = features.copy()
    if mode != "none":
        out[:, 0, ..., :moved] = 0
        out[:, 1:, ..., :moved] = features[:, :-1, ..., :moved]
    if mode == "bidirectional":
        back = slice(moved, 2 * moved)
        out[:, -1, ..., back] = 0
        out[:, :-1, ..., back] = features[:, 1:, ..., back]
    return out


@pytest.mark.parametrize("fraction", [0.125, 0.25, 0.5, 0.0])
@pytest.mark.parametrize("mode", ["bidirectional", "causal", "none"])
def test_equals_numpy_slicing(features, mode, fraction):
    got = TemporalShift(mode, fraction)(features)
    expected = _shifted(features, mode, int(CHANNELS * fraction))
    np.testing.assert_array_equal(got, expected)


def test_a_part_of_a_channel_is_rounded_down(features):
    # 1/8 of 12 channels: one.
    got = TemporalShift("bidirectional")(features[..., :12])
    np.testing.assert_array_equal(got, _shifted(features[..., :12], "bidirectional", 1))


@pytest.mark.parametrize("mode", ["bidirectional", "causal"])
def test_padding_is_the_end_of_the_episode(features, mode):
    mask = np.float32([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    got = TemporalShift(mode)(features, frame_mask=mask).numpy()
    np.testing.assert_array_equal(got[0, :3], _shifted(features[:1, :3], mode, 2)[0])
    np.testing.assert_array_equal(got[1], _shifted(features[1:], mode, 2)[0])


@pytest.mark.parametrize("mode", ["bidirectional", "causal"])
def test_one_frame_has_no_neighbours(features, mode):
    got = TemporalShift(mode)(features[:, :1])
    np.testing.assert_array_equal(got, _shifted(features[:, :1], mode, 2))


def test_gradient_is_the_shift_back(features):
    layer = TemporalShift()
    other = np.random.default_rng(1).standard_normal(SHAPE).astype(np.float32)
    inputs = tf.constant(features)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        product = tf.reduce_sum(layer(inputs) * other)
    gradient = tape.gradient(product, inputs)
    # <shift(x), y> = <x, gradient>: the shift is linear.
    np.testing.assert_allclose(np.sum(gradient * features), product, rtol=1e-4)
    # Reversed in time the shift is its own adjoint with directions exchanged.
    swapped = np.concatenate([other[..., 2:4], other[..., :2], other[..., 4:]], -1)
    back = layer(swapped).numpy()
    back = np.concatenate([back[..., 2:4], back[..., :2], back[..., 4:]], -1)
    np.testing.assert_array_equal(gradient, back)


@pytest.mark.parametrize("mode", ["bidirectional", "causal", "none"])
def test_fulfils_the_layer_contract(features, mode, tmp_path):
    check_layer(lambda: TemporalShift(mode), (features,), (SHAPE,), tmp_path)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match=r"bidirectional.*Received: 'forward'"):
        TemporalShift("forward")
    with pytest.raises(ValueError, match=r"\[0, 0.5\]. Received: 0.6"):
        TemporalShift(fraction=0.6)

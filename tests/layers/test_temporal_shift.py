"""The temporal shift against numpy slicing."""

import itertools

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
@pytest.mark.parametrize("length", [LENGTH, 1])
def test_equals_numpy_slicing(features, mode, fraction, length):
    got = TemporalShift(mode, fraction)(features[:, :length])
    expected = _shifted(features[:, :length], mode, int(CHANNELS * fraction))
    np.testing.assert_array_equal(got, expected)


def test_a_part_of_a_channel_is_rounded_down(features):
    # 1/8 of 12 channels: one.
    got = TemporalShift("bidirectional")(features[..., :12])
    np.testing.assert_array_equal(got, _shifted(features[..., :12], "bidirectional", 1))


@pytest.mark.parametrize("mode", ["bidirectional", "causal"])
@pytest.mark.parametrize("pattern", list(itertools.product([0, 1], repeat=5)))
def test_frames_that_are_not_written_hand_nothing_on(features, mode, pattern):
    """The written ones see each other as if they were alone; the others see them."""
    written = np.float32([pattern])
    got = TemporalShift(mode)(features[:1], written=written).numpy()[0]
    frames = np.flatnonzero(pattern)
    if len(frames):
        alone = _shifted(features[:1, frames], mode, 2)[0]
        np.testing.assert_array_equal(got[frames], alone)
    for frame in np.flatnonzero(np.array(pattern) == 0):
        with_it = np.sort([*frames, frame])
        expected = _shifted(features[:1, with_it], mode, 2)[0]
        at = list(with_it).index(frame)
        np.testing.assert_array_equal(got[frame], expected[at])


@pytest.mark.parametrize("cut", range(6))
def test_an_episode_goes_on_from_what_was_handed_on(features, cut):
    layer = TemporalShift("causal")
    written = np.float32([[1, 0, 1, 1, 0], [0, 0, 1, 0, 1]])
    whole = layer(features, written=written)
    first, rest = features[:, :cut], features[:, cut:]
    carry = layer.handed_on(tf.constant(first), written[:, :cut])
    np.testing.assert_array_equal(
        layer(rest, written=written[:, cut:], carry=carry), whole[:, cut:]
    )
    once_more = layer.handed_on(tf.constant(rest), written[:, cut:], carry)
    at_once = layer.handed_on(tf.constant(features), written)
    np.testing.assert_array_equal(once_more, at_once)


@pytest.mark.parametrize("mode", ["bidirectional", "causal", "none"])
def test_fulfils_the_layer_contract(features, mode, tmp_path):
    check_layer(lambda: TemporalShift(mode), (features,), (SHAPE,), tmp_path)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match=r"bidirectional.*Received: 'forward'"):
        TemporalShift("forward")
    with pytest.raises(ValueError, match=r"\[0, 0.5\]. Received: 0.6"):
        TemporalShift(fraction=0.6)

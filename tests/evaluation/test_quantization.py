"""Memories stored with fewer bits: error bounds that follow from the rounding."""

from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.evaluation import quantization

MEMORY = np.random.default_rng(0).normal(size=(3, 4, 4, 5)).astype(np.float32)


def test_float32_is_stored_as_it_is():
    np.testing.assert_array_equal(quantization.store(MEMORY, "float32"), MEMORY)


def test_bfloat16_keeps_eight_significant_bits():
    stored = quantization.store(MEMORY, "bfloat16").numpy()
    assert stored.dtype == np.float32
    assert np.all(np.abs(stored - MEMORY) <= 2.0**-8 * np.abs(MEMORY))
    assert np.any(stored != MEMORY)


@pytest.mark.parametrize(("dtype", "largest"), [("int8", 127), ("int4", 7)])
def test_integers_err_by_half_a_step_at_most(dtype, largest):
    stored = quantization.store(MEMORY, dtype).numpy()
    scale = np.abs(MEMORY).max(axis=(1, 2), keepdims=True) / largest
    assert np.all(np.abs(stored - MEMORY) <= scale / 2 * (1 + 1e-5))
    # A straight rounding, that a multiple of it comes near to half a step.
    assert np.abs(stored - MEMORY).max() > 0.45 * scale.min()
    levels = stored / scale
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)
    assert np.abs(levels).max() == pytest.approx(largest, rel=1e-5)


def test_channels_and_episodes_have_scales_of_their_own():
    large = MEMORY.copy()
    large[0, ..., 0] *= 100
    stored = quantization.store(large, "int4").numpy()
    alone = quantization.store(MEMORY, "int4").numpy()
    np.testing.assert_array_equal(stored[1:], alone[1:])
    np.testing.assert_array_equal(stored[0, ..., 1:], alone[0, ..., 1:])


def test_storing_again_changes_nothing():
    once = quantization.store(MEMORY, "int8")
    twice = quantization.store(once, "int8")
    np.testing.assert_allclose(once, twice, rtol=1e-6, atol=1e-7)


def test_an_empty_channel_stays_empty():
    stored = quantization.store(np.zeros([1, 2, 2, 1], np.float32), "int8").numpy()
    np.testing.assert_array_equal(stored, 0)


class _Parts(NamedTuple):
    mean: tf.Tensor
    covariance: tf.Tensor


def test_each_part_of_a_structured_memory_is_stored():
    parts = _Parts(tf.constant(MEMORY), tf.constant(MEMORY[..., 0]))
    stored = quantization.store(parts, "int4")
    assert isinstance(stored, _Parts)
    np.testing.assert_array_equal(stored.mean, quantization.store(MEMORY, "int4"))
    # 80 + 16 numbers of 4 bits, and a scale for 5 + 4 channels.
    assert quantization.stored_bits(parts, "int4") == 96 * 4 + 9 * 32


def test_bits_of_a_plain_memory():
    assert quantization.stored_bits(MEMORY, "float32") == 80 * 32
    assert quantization.stored_bits(MEMORY, "bfloat16") == 80 * 16
    assert quantization.stored_bits(MEMORY, "int8") == 80 * 8 + 5 * 32


def test_an_unknown_dtype_is_refused():
    with pytest.raises(ValueError, match="Received: 'int2'"):
        quantization.store(MEMORY, "int2")
    with pytest.raises(ValueError, match="Received: 'int2'"):
        quantization.stored_bits(MEMORY, "int2")

"""Which regions frames read, through the reader and by distributions."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from kpp_tf import noise
from kpp_tf.layers.block_memory.allocator import block_centres
from kpp_tf.layers.block_memory.reader import WindowReader
from kpp_tf.models.kanerva_plus_plus.keys import FAMILIES, BoxKeys, Region
from kpp_tf.models.kanerva_plus_plus.options.exploring import (
    explore_held,
    explore_unseen,
)
from kpp_tf.models.kanerva_plus_plus.options.nearest import nearest_region
from kpp_tf.models.kanerva_plus_plus.windows import Windows
from tests.layer_checks import check_layer, perturb
from tests.models.kanerva_plus_plus import by_numpy

SHARES = {"finest": 0.4, "low": 0.3, "high": 0.8}
COUNT, FEATURES = 2, 5


def _windows(grid=4, tails=False):
    windows = Windows(WindowReader(grid, 2, **SHARES), COUNT, tails)
    windows.build((None, None, FEATURES))
    return windows


def _inputs(batch, length):
    random = np.random.default_rng(0)
    return (
        random.standard_normal((batch, length, FEATURES)).astype(np.float32),
        random.random((batch, length)).astype(np.float32),
        random.random((batch, length, COUNT, 2)).astype(np.float32),
    )


@pytest.mark.parametrize("grid", [1, 4, 6])
def test_a_slot_key_reads_its_block_alone(grid):
    windows = _windows(grid)
    keys = windows.slot_keys()
    assert keys.shape == (grid**2, 3)
    weights = windows.reader.weights_at(keys[tf.newaxis])
    np.testing.assert_allclose(weights[0], np.eye(grid**2), atol=1e-5)
    np.testing.assert_allclose(by_numpy.cdf(keys[:, 0]), 0.15, atol=1e-6)


@pytest.mark.parametrize("grid", [2, 6])
def test_a_box_recalls_its_block_wherever_the_key_falls(grid):
    windows, count = _windows(grid), 40
    blocks = tf.reshape(tf.repeat(tf.range(grid**2), count), [1, -1, 1])
    region = windows.recall(blocks)
    keys = FAMILIES["box"]().draw(region, noise.row_seeds([1, 2], 1))
    weights = windows.reader.weights_at(keys)[0]
    # The box is drawn by the exact Phi; the reader's is off by 1.8e-4 of the side.
    error = 1.2 * 1.8e-4 * grid / SHARES["finest"]
    expected = np.repeat(np.eye(grid**2), count, axis=0)
    np.testing.assert_allclose(weights, expected, atol=2 * error)
    # No wider box would do: the keys reach the edges of what reads one block.
    offset = stats.norm.cdf(keys[0, :, 0, 1:]) - np.repeat(
        block_centres(grid), count, axis=0
    )
    flat = (1 - SHARES["finest"]) / 2 / grid
    assert 0.95 * flat < np.abs(offset).max() <= flat + 1e-6
    # All of the finest scales: the cost is what the prior gives to such keys.
    cost = FAMILIES["box"]().kl(region, None, analytic=True)
    np.testing.assert_allclose(cost, -np.log(0.3 * (2 * flat) ** 2), atol=2e-3)


@pytest.mark.parametrize("grid", [2, 6])
def test_near_reads_a_block_alone_and_its_scale_says_that_it_is_another(grid):
    windows, count = _windows(grid), 40
    blocks = tf.reshape(tf.repeat(tf.range(grid**2), count), [1, -1, 1])
    region = nearest_region(windows.reader, blocks)
    keys = FAMILIES["box"]().draw(region, noise.row_seeds([1, 2], 1))
    widths = by_numpy.widths(np.ravel(keys[..., 0]), grid, **SHARES)
    # ln w is even in between: half of the block's span of 0.4 to 1 less its ends.
    assert 0.4**0.75 - 2e-3 < widths.min() < 0.51
    assert 0.62 < widths.max() < 0.4**0.5 + 2e-3
    weights = windows.reader.weights_at(keys)[0]
    expected = np.repeat(np.eye(grid**2), count, axis=0)
    error = 1.2 * 1.8e-4 * grid / widths.min()
    np.testing.assert_allclose(weights, expected, atol=2 * error)
    recalled = FAMILIES["box"]().draw(
        windows.recall(blocks), noise.row_seeds([1, 2], 1)
    )
    assert np.max(recalled[..., 0]) < np.min(keys[..., 0])


def test_a_gaussian_recalls_around_its_block_as_wide_as_learned():
    windows = _windows(4, tails=True)
    windows.recall_width.assign([-1.0, -2.0, 0.5])
    region = windows.recall(tf.constant([[[5, 0]]]))
    expected = np.log1p(np.exp([-1.0, -2.0, 0.5])) * [1, 1 / 4, 1 / 4]
    np.testing.assert_allclose(region.half_width[0, 0], [expected] * 2, rtol=1e-5)
    centres = [[0.15, 0.375, 0.375], [0.15, 0.125, 0.125]]
    np.testing.assert_allclose(region.centre[0, 0], centres, atol=1e-6)


@pytest.mark.parametrize("tails", [False, True])
def test_no_block_has_a_region_too(tails):
    region = _windows(tails=tails).recall(tf.constant([[[-1, -1]]]))
    assert all(np.all(np.isfinite(part)) for part in region)


@pytest.mark.parametrize("family", FAMILIES)
def test_frames_that_look_around_start_with_all_of_the_memory(family):
    windows = _windows(tails=FAMILIES[family].has_tails)
    features, fullness, places = _inputs(3, 50)
    region = windows(features, fullness, places)
    np.testing.assert_array_equal(region.centre[..., 1:], places)
    np.testing.assert_allclose(region.centre[..., 0], 0.9, atol=1e-6)
    expected = [0.1, 0.5, 0.5]
    np.testing.assert_allclose(
        region.half_width, np.broadcast_to(expected, region.centre.shape), rtol=1e-5
    )
    keys = FAMILIES[family]()
    if family == "box":
        drawn = keys.draw(region, noise.row_seeds([1, 2], 3))
        assert np.min(windows.reader.widths(drawn[..., 0])) > 8 * 0.995
    assert np.min(windows.reader.widths(keys.mean(region)[..., 0])) > 8 * 0.995


def test_where_to_look_is_learned_from_features_and_fullness():
    windows = _windows()
    features, fullness, places = _inputs(2, 3)
    perturb(windows)
    kernel, bias = (np.float64(w) for w in windows.head.get_weights())
    raw = np.concatenate([features, fullness[..., None]], -1) @ kernel + bias
    raw = raw.reshape(2, 3, COUNT, 4)
    region = windows(features, fullness, places)
    scale = 1 / (1 + np.exp(-raw[..., 0] - np.log(9)))
    np.testing.assert_allclose(region.centre[..., 0], scale, atol=1e-5)
    start = np.log(np.expm1([0.1, 0.5, 0.5]))
    expected = np.log1p(np.exp(raw[..., 1:] + start))
    np.testing.assert_allclose(region.half_width, expected, rtol=1e-4)
    full = windows(features, 1 - fullness, places)
    assert np.abs(full.centre - region.centre)[..., 0].max() > 1e-3


def test_what_is_not_held_explores_windows_of_a_block_and_more():
    batch, length = 40, 50
    places = _inputs(batch, length)[2]
    shape = (batch, length, COUNT, 1)
    start = Region(
        tf.constant(np.concatenate([np.full(shape, 0.9), places], -1), tf.float32),
        tf.fill([*shape[:3], 3], 0.77),
    )
    seeds, reader = noise.row_seeds([1, 2], batch), WindowReader(4, 2, **SHARES)
    none = explore_unseen(reader, start, 0.0, seeds)
    for got, expected in zip(none, start, strict=True):
        np.testing.assert_array_equal(got, expected)
    every = explore_unseen(reader, start, 1.0, seeds)
    np.testing.assert_array_equal(every.centre[..., 1:], places)
    # ln w is even from ln 1 to ln 8, and in all from ln 0.4 on.
    scales = np.ravel(every.centre[..., 0])
    block = 0.3 + 0.5 * np.log(1 / 0.4) / np.log(8 / 0.4)
    even = stats.uniform(block, 0.8 - block)
    assert stats.kstest(scales, even.cdf).pvalue > 1e-3
    keys = [by_numpy.key_of(u) for u in scales[:50]]
    half = by_numpy.widths(keys, 4, **SHARES) / 4 / 2
    got = np.reshape(every.half_width, (-1, 3))[:50]
    np.testing.assert_allclose(got, np.stack([0.005 + 0 * half, half, half], -1), 1e-4)
    some = explore_unseen(reader, start, 0.3, seeds)
    chosen = np.any(some.half_width != start.half_width, axis=-1)
    error = np.sqrt(0.3 * 0.7 / chosen.size)
    assert abs(chosen.mean() - 0.3) < 4.5 * error
    np.testing.assert_array_equal(some.centre[chosen], every.centre[chosen])
    np.testing.assert_array_equal(some.centre[~chosen], start.centre[~chosen])


def test_what_is_held_explores_windows_of_up_to_a_block_about_its_own():
    batch, length = 20, 50
    seeds = noise.row_seeds([1, 2], batch)
    blocks = np.random.default_rng(0).integers(0, 16, (batch, length, COUNT))
    reader = WindowReader(4, 2, **SHARES)
    recall = _windows().recall(tf.constant(blocks, tf.int32))
    region = explore_held(reader, recall, 1.0, seeds)
    scale, x, y = np.moveaxis(np.float64(BoxKeys().draw(region, seeds)), -1, 0)
    width = by_numpy.widths(np.ravel(scale), 4, **SHARES)
    # The draw of the scale adds a hundredth of all ln w to either side.
    shares = stats.kstest(np.log(width) / np.log(0.4), stats.uniform().cdf)
    assert shares.statistic < 0.04
    for key, number in ((x, blocks % 4), (y, blocks // 4)):
        within = np.ravel(4 * stats.norm.cdf(key) - number)
        assert stats.kstest(within, stats.uniform().cdf).pvalue > 1e-3
    some = explore_held(reader, recall, 0.3, seeds)
    chosen = np.any(some.half_width != recall.half_width, axis=-1)
    assert abs(chosen.mean() - 0.3) < 4.5 * np.sqrt(0.3 * 0.7 / chosen.size)


def test_fulfils_the_layer_contract(tmp_path):
    shape = (2, 3, COUNT, 3)
    check_layer(
        lambda: Windows(WindowReader(4, 2, **SHARES), COUNT, False),
        _inputs(2, 3),
        (shape, shape),
        tmp_path,
    )

"""The allocator against loops in numpy and enumeration."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.layers.block_memory.allocator import (
    NearestFree,
    allocate,
    block_centres,
    holds,
)
from tests.models.kanerva_plus_plus import by_numpy


def test_centres_run_row_by_row():
    expected = [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)]
    np.testing.assert_array_equal(block_centres(2), np.float32(expected))


@pytest.mark.parametrize("length", [1, 4, 9, 13])
@pytest.mark.parametrize("share", [1.0, 0.6, 0.0])
def test_equals_loops(length, share):
    random, grid, batch = np.random.default_rng(length), 3, 6
    places = random.random((batch, length, 2)).astype(np.float32)
    written = (random.random((batch, length)) < 0.7).astype(np.float32)
    free = (random.random((batch, grid**2)) < share).astype(np.float32)
    expected = by_numpy.allocate(places, written, free, grid)
    for function in (allocate, tf.function(allocate)):
        got = function(tf.constant(places), written, free, grid)
        assert got.dtype == tf.int32
        np.testing.assert_array_equal(got, expected)


def test_unknown_sizes():
    signature = [tf.TensorSpec(s) for s in ([None, None, 2], [None, None], [None, 4])]
    graph = tf.function(lambda *a: allocate(*a, 2), input_signature=signature)
    for batch, length in ((2, 3), (1, 0), (4, 6)):
        random = np.random.default_rng(1)
        places = random.random((batch, length, 2)).astype(np.float32)
        ones, free = np.ones((batch, length)), np.ones((batch, 4))
        got = graph(places, np.float32(ones), np.float32(free))
        assert got.shape == (batch, length)
        np.testing.assert_array_equal(got, by_numpy.allocate(places, ones, free, 2))


def test_a_frame_takes_its_own_place_and_the_next_one_the_nearest():
    corner = [0.1, 0.1]
    places = np.float32([[corner, corner, [0.9, 0.9], [0.3, 0.2]]])
    got = allocate(tf.constant(places), np.ones((1, 4)), np.ones((1, 9)), 3)
    # (0.3, 0.2) lies in block 0, which is taken; of 1 and 3 the first is taken too.
    np.testing.assert_array_equal(got, [[0, 1, 8, 3]])
    # The only free block, however far, comes before a near one that is taken.
    last = np.eye(9, dtype=np.float32)[8:]
    got = allocate(tf.zeros([1, 1, 2]), np.ones((1, 1)), last, 3)
    np.testing.assert_array_equal(got, [[8]])


def test_no_frames():
    got = allocate(tf.zeros([2, 0, 2]), tf.zeros([2, 0]), tf.ones([2, 4]), 2)
    assert got.shape == (2, 0)
    assert holds(got, tf.constant([0])).shape == (2, 1, 0)
    assert holds(got, tf.range(0)).shape == (2, 0, 0)


def test_holds_equals_enumeration():
    """All episodes of four frames over two blocks, some frames not written."""
    blocks = list(itertools.product([-1, 0, 1], repeat=4))
    got = holds(tf.constant(blocks, tf.int32), tf.range(5))
    assert got.shape == (81, 5, 4)
    for row, episode in enumerate(blocks):
        for n in range(5):
            owner = {}
            for t, block in enumerate(episode[:n]):
                if block >= 0:
                    owner[block] = t
            expected = [float(t in owner.values()) for t in range(4)]
            np.testing.assert_array_equal(got[row, n], expected)


@pytest.mark.parametrize("grid", [1, 3, 17])
def test_one_at_a_time_takes_the_same_blocks(grid):
    random = np.random.default_rng(grid)
    count = grid**2 + 3  # three find no free block
    places = random.uniform(0, 1, (count, 2)).astype(np.float32)
    # Crowds, corners and exact ties.
    places[::3] = 0.5
    places[1::5] = np.float32([1 - 1e-6, 1e-6])
    free = random.integers(0, 2, grid**2)
    taker = NearestFree(free > 0, grid)
    got = [taker.take(place) for place in places]
    ones = np.ones((1, count), np.float32)
    expected = allocate(tf.constant(places[None]), ones, np.float32(free[None]), grid)
    np.testing.assert_array_equal(got, expected[0])

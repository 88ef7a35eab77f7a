"""What frames may read: against memories that were written, and sums in float64."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.models.kanerva_plus_plus.views import MemoryView, PrefixView, distances
from tests.models.kanerva_plus_plus.tiny import make_model, random_episode


def test_prefixes_read_what_memories_of_them_would(model):
    """Frame t as under a memory of the first t frames; beyond capacity too."""
    length = model.capacity + 2
    episode = random_episode(length, 2)
    ones = np.ones((2, length), np.float32)
    embeddings, carry = model.episodes.encode(episode, None)
    writing = model.episodes.write(embeddings, carry, ones)[1]
    prefixes = PrefixView(model.reader, writing)
    shape = (2, length, model.blocks_per_frame, 3)
    keys = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    keys[..., 0] = np.linspace(-2, 2, length)[:, None]  # from one block to all
    blocks, covered = prefixes.read(keys)
    nearest = prefixes.nearest(writing.contents)
    fullness = np.broadcast_to(prefixes.fullness(), (2, length))
    assert np.all(fullness[:, 0] == 0) and np.all(fullness[:, -1] == 1)
    for t in range(length):
        written = np.zeros((2, length), np.float32)
        written[:, :t] = 1
        whole = MemoryView(model.reader, model.write(episode, written=written))
        expected, covers = whole.read(keys)
        np.testing.assert_allclose(blocks[:, t], expected[:, t], atol=1e-5)
        np.testing.assert_allclose(covered[:, t], covers[:, t], atol=1e-6)
        np.testing.assert_allclose(fullness[:, t], whole.fullness()[:, 0], atol=1e-6)
        named = whole.nearest(writing.contents)[:, t]
        np.testing.assert_array_equal(nearest[:, t], named if t else 0)


def test_nobody_has_a_nearest_block_in_an_empty_memory_nor_an_episode_of_none():
    model = make_model()
    whole = MemoryView(model.reader, model.empty_memory(2))
    assert np.all(whole.fullness() == 0)
    contents = tf.zeros([2, 0, 1, model.memory_depth])
    assert whole.nearest(contents).shape == (2, 0, 1)


@pytest.mark.parametrize("seen", [1, 4], ids=["as one", "each its own"])
def test_distances_are_squared_ones_less_the_norm(seen):
    random = np.random.default_rng(3)
    wanted = random.normal(size=(2, 4, 3, 5)).astype(np.float32)
    stored = random.normal(size=(2, 6, 5)).astype(np.float32)
    held = random.integers(0, 2, (2, seen, 6)).astype(np.float32)
    found = distances(tf.constant(wanted), tf.constant(stored), tf.constant(held))
    apart = np.float64(wanted)[:, :, :, None] - np.float64(stored)[:, None, None]
    expected = (apart**2).sum(-1) - (np.float64(wanted) ** 2).sum(-1, keepdims=True)
    seen_by_all = np.broadcast_to(held[:, :, None] > 0, expected.shape)
    np.testing.assert_allclose(found[seen_by_all], expected[seen_by_all], atol=1e-4)
    assert np.all(found.numpy()[~seen_by_all] > 1e29)

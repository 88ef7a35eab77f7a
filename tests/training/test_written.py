"""How many frames are written, against the distribution that the config asks for."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.training.written import draw_written

COUNT = 2000


def _drawn(mask, all_written):
    seeds = noise.row_seeds([3, 7], COUNT)
    masks = tf.tile(tf.constant([mask], tf.float32), [COUNT, 1])
    return draw_written(seeds, masks, all_written).numpy()


@pytest.mark.parametrize("all_written", [0.0, 0.3, 1.0])
def test_the_number_is_uniform_or_all(all_written):
    written = _drawn([1, 1, 1, 1, 0, 0], all_written)
    counts = written.sum(axis=1).astype(int)
    shares = np.full(5, (1 - all_written) / 5)
    shares[4] += all_written
    found = np.bincount(counts, minlength=5) / COUNT
    deviations = np.sqrt(shares * (1 - shares) / COUNT)
    np.testing.assert_array_less(np.abs(found - shares), 4 * deviations + 1e-9)
    # The first ones, and never padding.
    expected = np.arange(6)[None] < counts[:, None]
    np.testing.assert_array_equal(written, expected.astype(np.float32))


def test_an_episode_draws_for_itself():
    seeds = noise.row_seeds([3, 7], 9)
    mask = tf.ones([9, 5])
    whole = draw_written(seeds, mask, 0.2)
    part = draw_written(seeds[4:6], mask[4:6], 0.2)
    np.testing.assert_array_equal(part.numpy(), whole[4:6].numpy())

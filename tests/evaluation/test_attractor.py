"""Errors over reading steps, of models whose readings are known."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.evaluation import pixels
from kpp_tf.evaluation.attractor import attractor
from tests.evaluation import tiny_models


class Still:
    """Reading changes nothing."""

    def write(self, episode, mask=None, written=None):
        return episode

    def refine(self, memory, images):
        return images


def test_damage_that_is_not_undone_stays():
    batches = tiny_models.episodes(64)
    rows = attractor(Still(), batches, steps=2)
    ink = np.concatenate([batch.images.numpy() for batch in batches])
    pixels_in_all = ink.size
    for row, share in zip(rows, (0.1, 0.2, 0.3, 0.4, 0.5), strict=False):
        assert row["damage"] == f"salt and pepper, {share:.0%}"
        # Half of the pixels that are set were so before.
        error = 5 * np.sqrt(share / 2 / pixels_in_all)
        assert row["step_0"] == pytest.approx(share / 2, abs=error)
        assert row["step_0"] == row["step_1"] == row["step_2"]
    hidden = rows[-1]
    assert hidden["damage"] == "lower half hidden"
    assert hidden["step_0"] == pytest.approx(ink[:, :, 4:].sum() / pixels_in_all)


def test_a_memory_that_reads_the_nearest_image_finds_it():
    class Nearest(Still):
        def refine(self, memory, images):
            apart = tf.abs(images[:, :, None] - memory[:, None])
            nearest = tf.argmin(tf.reduce_mean(apart, axis=[3, 4, 5]), axis=-1)
            return tf.gather(memory, nearest, batch_dims=1)

    batches = tiny_models.episodes(64)
    rows = attractor(Nearest(), batches, steps=3)
    assert rows[0]["step_0"] > 0.01 > rows[0]["step_1"]
    assert rows[0]["step_1"] == rows[0]["step_3"]
    assert rows[0]["found"] > rows[4]["found"] > 0.25
    wrong = 1 - rows[0]["found"]
    assert rows[0]["step_1"] <= wrong  # an image that is found has no error


def test_padding_counts_for_nothing():
    (whole, *_) = tiny_models.episodes(64)
    mask = np.ones(whole.mask.shape, np.float32)
    mask[:, 2:] = 0
    short = whole._replace(
        mask=tf.constant(mask), images=whole.images * mask[..., None, None, None]
    )
    rows = attractor(Still(), [short], steps=1)
    real = whole.images.numpy()[:, :2]
    expected = real[:, :, 4:].sum() / real.size
    assert rows[-1]["step_0"] == pytest.approx(expected)
    damaged = real * (np.arange(8) < 4)[:, None, None]
    found = [
        pixels.distances(broken, clean).argmin(axis=1) == [0, 1]
        for broken, clean in zip(damaged, real, strict=True)
    ]
    assert rows[-1]["found"] == pytest.approx(np.mean(found))

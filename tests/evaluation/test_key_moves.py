"""Keys that are moved: where they come to lie."""

import numpy as np
import tensorflow as tf

from kpp_tf.evaluation import key_moves
from tests.evaluation import shelf

MODEL = shelf.Shelf()
SEEDS = tf.constant([[n, 7] for n in range(40)])


def _recall():
    return key_moves.recall_keys(MODEL, None, tf.zeros([len(SEEDS), 4, *shelf.SHAPE]))


def test_recall_keys_read_the_finest_window_at_the_same_place():
    recall = _recall()
    np.testing.assert_allclose(MODEL.reader.widths(recall[..., 0]), 1 / 6, rtol=1e-6)
    expected = [[0.5, 0.5], [1.5, 0.5], [0.5, 1.5], [1.5, 1.5]]
    found = key_moves.positions(MODEL, recall)[0, :, 0]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    wide = key_moves.with_width(MODEL, recall, 1.3)
    np.testing.assert_allclose(MODEL.reader.widths(wide[..., 0]), 1.3, rtol=1e-4)
    np.testing.assert_array_equal(wide[..., 1:], recall[..., 1:])


def test_a_moved_key_goes_the_distance_and_stays_inside():
    recall = _recall()
    here = key_moves.positions(MODEL, recall).numpy()
    for distance in (0.25, 1.0):
        moved = key_moves.moved(MODEL, recall, distance, SEEDS)
        step = key_moves.positions(MODEL, moved).numpy() - here
        np.testing.assert_allclose(np.abs(step).sum(axis=-1), distance, atol=1e-4)
        assert np.all(np.minimum(*np.abs(np.moveaxis(step, -1, 0))) < 1e-4)
        there = here + step
        assert there.min() > 0.49 and there.max() < 1.51
        along_x = np.abs(step[..., 0]) > 1e-3
        assert 0.35 < along_x.mean() < 0.65  # of 160 draws
        np.testing.assert_array_equal(moved[..., 0], recall[..., 0])


def test_a_move_depends_on_the_seed_of_its_episode_alone():
    recall = _recall()
    moved = key_moves.moved(MODEL, recall, 1.0, SEEDS).numpy()
    alone = key_moves.moved(MODEL, recall[3:4], 1.0, SEEDS[3:4]).numpy()
    np.testing.assert_array_equal(moved[3:4], alone)


def test_neighbours_lie_side_by_side():
    places = np.array([[0.5, 0.5], [1.5, 0.5], [1.5, 1.5], [3.5, 1.5], [0.5, 1.5]])
    real = np.array([1, 1, 1, 1, 0])
    np.testing.assert_array_equal(key_moves.neighbours(places, real), [[0, 1], [1, 2]])

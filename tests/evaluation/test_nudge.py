"""A small move of a key, on a shelf where what lies where is known."""

import types

import numpy as np
import pytest

from kpp_tf.evaluation.frechet import frechet_distance
from kpp_tf.evaluation.nudge import nudge
from tests.evaluation import shelf

BATCHES = [shelf.episodes(seed=1), shelf.episodes(seed=2)]


def _images():
    return np.concatenate([batch.images.numpy() for batch in BATCHES])


def test_a_shelf_of_strangers_keeps_no_class():
    space = shelf.Space(BATCHES, [0, 1, 1, 0])  # as on a chessboard
    results = nudge(shelf.Shelf(), BATCHES, space)
    for name in ("recalled", "quarter_cell"):  # still within the block
        assert results[name]["class_kept"] == 1
        assert results[name]["pixel_distance"] == pytest.approx(0, abs=1e-6)
        assert results[name]["standard_error"] == 0
    assert results["one_cell"]["class_kept"] == 0
    images = _images()
    beside = np.abs(images[:, [0, 0, 3, 3]] - images[:, [1, 2, 1, 2]]).mean(
        axis=(2, 3, 4)
    )
    moved = results["one_cell"]["pixel_distance"]
    assert beside.min() < moved < beside.max()
    assert moved == pytest.approx(beside.mean(), rel=0.2)
    assert results["same_class"] == pytest.approx(1 / 3)
    assert results["classifier_accuracy"] == 0.5


def test_a_shelf_of_one_class_keeps_it():
    results = nudge(shelf.Shelf(), BATCHES, shelf.Space(BATCHES, [2, 2, 2, 2]))
    assert results["one_cell"]["class_kept"] == results["same_class"] == 1


def test_half_way_between_blocks_lies_the_mean_of_both():
    space = shelf.Space(BATCHES, [0, 1, 2, 3])
    half_way = nudge(shelf.Shelf(), BATCHES, space)["half_way"]
    images = _images()
    averages = np.concatenate(
        [(images[:, i] + images[:, j]) / 2 for i, j in ((0, 1), (0, 2), (1, 3), (2, 3))]
    )
    expected = frechet_distance(space(averages), space(images.reshape(-1, 4, 4, 1)))
    assert half_way["pairs"] == 4 * 6
    assert half_way["frechet_pixel_average"] == pytest.approx(expected, rel=1e-4)
    assert half_way["frechet"] == pytest.approx(expected, rel=1e-3)


def test_padding_is_neither_moved_nor_a_neighbour():
    batch = BATCHES[0]
    mask = np.tile(np.float32([1, 1, 0, 0]), (3, 1))
    short = batch._replace(mask=mask, images=batch.images * mask[..., None, None, None])
    short = short._replace(mask=batch.mask * mask)
    results = nudge(shelf.Shelf(), [short], shelf.Space([batch], [0, 0, 1, 1]))
    assert results["half_way"]["pairs"] == 3
    assert results["same_class"] == 1


def test_images_that_have_no_neighbours_have_nothing_half_way():
    lone = BATCHES[0]._replace(mask=BATCHES[0].mask * [1.0, 0.0, 0.0, 0.0])
    results = nudge(shelf.Shelf(), [lone], shelf.Space(BATCHES, [0, 1, 2, 3]))
    half_way = results["half_way"]
    assert half_way["pairs"] == 0
    assert half_way["frechet"] is half_way["frechet_pixel_average"] is None


def test_a_model_without_keys_has_none():
    assert nudge(types.SimpleNamespace(), BATCHES, None) is None

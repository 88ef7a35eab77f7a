"""Windows about an image, on a shelf where what they read is known."""

import types

import numpy as np
import pytest

from kpp_tf.evaluation.frechet import frechet_distance
from kpp_tf.evaluation.window_sweep import window_sweep
from tests.evaluation import shelf

BATCHES = [shelf.episodes(seed=1), shelf.episodes(seed=2)]


def _windows(width):
    """What a window about each of 2 x 2 blocks reads: [4, 4] shares, by overlaps."""
    edges = [(0.5 - width / 2, 0.5 + width / 2), (1.5 - width / 2, 1.5 + width / 2)]
    along = np.array(
        [[max(min(b, n + 1) - max(a, n), 0) for n in range(2)] for a, b in edges]
    )
    weights = np.einsum("ik,jl->ijkl", along, along).reshape(4, 4)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("kinds", [[0, 1, 1, 0], [0, 0, 0, 1], [2, 2, 2, 2]])
def test_shares_and_classes_are_those_of_the_blocks_in_the_window(kinds):
    kinds = np.array(kinds)
    space = shelf.Space(BATCHES, kinds)
    rows = window_sweep(shelf.Shelf(), BATCHES, space)
    assert [row["width"] for row in rows] == [1.4, 2.0, 3.0]
    images = np.concatenate([batch.images.numpy() for batch in BATCHES])
    for row in rows:
        weights = _windows(row["width"])
        expected = (weights * (kinds[:, None] == kinds)).sum(axis=1).mean()
        assert row["images_have"] == pytest.approx(expected, abs=1e-3)
        pairs = kinds[:, None] == kinds
        assert row["chance"] == pytest.approx((pairs.sum() - 4) / 12)
        read = np.einsum("nt,bthwc->bnhwc", weights, images)
        classes = space.classes(read.reshape(-1, *shelf.SHAPE)).reshape(-1, 4)
        # The shelf draws nothing: draws are its means.
        for name in ("draws_have", "means_have"):
            assert row[name] == pytest.approx((classes == kinds).mean(), abs=0.03)
        real = space(images.reshape(-1, *shelf.SHAPE))
        frechet = frechet_distance(space(read.reshape(-1, *shelf.SHAPE)), real)
        assert row["frechet"] == pytest.approx(frechet, rel=0.02)


def test_padding_is_neither_read_nor_counted():
    batch = BATCHES[0]
    short = batch._replace(mask=batch.mask * [1.0, 1.0, 1.0, 0.0])
    space = shelf.Space([batch], [0, 1, 1, 0])
    wide = window_sweep(shelf.Shelf(), [short], space)[-1]
    # Three images: the first is alone, the others are of one class.
    weights = _windows(3.0)[:3, :3]
    same = np.array([[1, 0, 0], [0, 1, 1], [0, 1, 1]])
    expected = ((weights * same).sum(axis=1) / weights.sum(axis=1)).mean()
    assert wide["images_have"] == pytest.approx(expected, abs=1e-3)
    assert wide["chance"] == pytest.approx((0 + 0.5 + 0.5) / 3)


def test_a_model_without_keys_has_none():
    assert window_sweep(types.SimpleNamespace(), BATCHES, None) is None

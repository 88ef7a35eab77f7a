"""Windows from the finest to all, on a shelf where what they read is known."""

import types

import numpy as np
import pytest

from kpp_tf.evaluation import pixels
from kpp_tf.evaluation.scale_sweep import scale_sweep
from tests.evaluation import shelf

BATCHES = [shelf.episodes(seed=1), shelf.episodes(seed=2)]
IMAGES = np.concatenate([batch.images.numpy() for batch in BATCHES])


def test_the_ends_are_each_image_and_the_mean_of_all():
    rows = scale_sweep(shelf.Shelf(), BATCHES)
    assert [row["width"] for row in (rows[0], rows[-1])] == pytest.approx([1 / 6, 4])
    finest, all_of_it = rows[0], rows[-1]
    for name in ("distance", "novelty", "bound"):
        assert finest[name] == pytest.approx(0, abs=1e-6)
    own = np.mean([pixels.diversity(images) for images in IMAGES])
    assert finest["diversity"] == pytest.approx(own, rel=1e-5)

    mean = IMAGES.mean(axis=1, keepdims=True)
    away = np.abs(IMAGES - mean).mean(axis=(2, 3, 4))
    assert all_of_it["diversity"] == pytest.approx(0, abs=1e-6)
    assert all_of_it["distance"] == pytest.approx(away.mean(), rel=1e-4)
    assert all_of_it["novelty"] == pytest.approx(away.min(axis=1).mean(), rel=1e-4)
    error = np.sum((IMAGES - mean) ** 2, axis=(2, 3, 4)).mean()
    assert all_of_it["bound"] == pytest.approx(error, rel=1e-4)
    for name, sign in (("distance", 1), ("diversity", -1)):
        values = [sign * row[name] for row in rows]
        assert values == sorted(values)


def test_a_model_without_keys_has_none():
    assert scale_sweep(types.SimpleNamespace(), BATCHES) is None

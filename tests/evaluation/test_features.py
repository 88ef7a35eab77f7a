"""The classifier whose features samples are judged in."""

import json

import numpy as np
import pytest

from kpp_tf.data import ImageTable
from kpp_tf.errors import UserError
from kpp_tf.evaluation import features
from tests.evaluation import tiny_models


def _table(count=300):
    """Three classes: a bright row at the top, in the middle or at the bottom."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, count)
    images = (rng.random((count, 8, 8, 1)) < 0.1) * np.uint8(255)
    images[np.arange(count), 1 + 2 * labels] = 255
    return ImageTable(
        images=images, labels=10 * labels, levels=2, name="rows", split="train"
    )


@pytest.fixture
def load(monkeypatch, tmp_path):
    """`load_or_train` on the table, in a folder of its own."""
    monkeypatch.setattr(features, "load_images", lambda *arguments: _table())
    lines = []

    def load(**arguments):
        space = features.load_or_train(
            tiny_models.config().data,
            tmp_path / "classifiers",
            progress=lines.append,
            **arguments,
        )
        return space, lines

    return load


def test_separable_classes_are_learned_and_told_apart(load):
    space, _ = load(steps=40)
    assert space.accuracy > 0.9
    assert space.about["classes"] == 3
    table = _table()
    found = space(table.images.astype(np.float32) / 255)
    assert found.shape == (300, features.FEATURES) and found.dtype == np.float64
    centres = [found[table.labels == label].mean(axis=0) for label in (0, 10, 20)]
    spread = found[table.labels == 0].std(axis=0).mean()
    assert np.abs(centres[0] - centres[1]).max() > 2 * spread


def test_a_stored_classifier_is_taken_again(load, tmp_path):
    first, _ = load(steps=3)
    again, lines = load(steps=3)
    assert "Training" in lines[0] and lines[-1].startswith("Took")
    images = _table().images.astype(np.float32) / 255
    np.testing.assert_array_equal(first(images), again(images))
    assert first.accuracy == again.accuracy
    records = list((tmp_path / "classifiers").glob("*.json"))
    assert json.loads(records[0].read_text())["accuracy"] == first.accuracy
    # Nothing half-written stays behind.
    assert not list((tmp_path / "classifiers").glob(".*"))


@pytest.mark.parametrize("suffix", [".json", ".weights.h5"])
def test_a_damaged_classifier_is_named(load, tmp_path, suffix):
    load(steps=3)
    (path,) = (tmp_path / "classifiers").glob(f"*{suffix}")
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(UserError, match=r"remove both.*Received: .*classifier_"):
        load(steps=3)


def test_another_seed_or_length_is_another_classifier(load, tmp_path):
    images = _table().images[:5].astype(np.float32) / 255
    one, two = load(steps=3, seed=0)[0], load(steps=3, seed=1)[0]
    assert np.any(one(images) != two(images))
    load(steps=2)
    assert len(list((tmp_path / "classifiers").glob("*.json"))) == 3


def test_larochelles_mnist_is_judged_by_mnist_binarized_afresh():
    data = tiny_models.config().data
    data.name, data.augment = "binarized_mnist", ("shift",)
    judge = features.label_data(data)
    assert (judge.name, judge.binarize) == ("mnist", "dynamic")
    assert (judge.episode_length, judge.episodes_per_batch) == (features.BATCH, 1)
    assert judge.augment == ()
    assert data.name == "binarized_mnist" and data.episode_length == 4


def test_other_data_judge_themselves():
    data = tiny_models.config().data
    data.name, data.binarize = "fashion_mnist", "fixed"
    judge = features.label_data(data)
    assert (judge.name, judge.binarize) == ("fashion_mnist", "fixed")

"""Every data set: on real prepared data where it is there, and on small stand-ins."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from kpp_tf import config as config_lib
from kpp_tf import data
from kpp_tf.errors import UserError
from tests.data.tiny_data import (
    data_config,
    prepare,
    prepare_labelled,
    random_images,
)


def test_omniglot_splits_are_by_alphabet(tmp_path):
    alphabets = {"train": np.arange(0, 30), "test": np.arange(30, 50)}
    white = np.full((105, 105, 3), 255, np.uint8)
    prepare(
        tmp_path,
        "omniglot",
        {
            split: {
                "image": np.broadcast_to(white, (len(numbers), 105, 105, 3)),
                "alphabet": numbers,
                "alphabet_char_id": 0 * numbers,
                "label": 10 * numbers,
            }
            for split, numbers in alphabets.items()
        },
        "png",
        alphabet=tfds.features.ClassLabel(num_classes=50),
        alphabet_char_id=np.int64,
        label=tfds.features.ClassLabel(num_classes=1623),
    )
    expected = {
        "train": range(0, 25),
        "validation": range(25, 30),
        "test": range(30, 50),
        "train+validation": range(0, 30),
        "validation+test": range(25, 50),
    }
    for split, numbers in expected.items():
        table = data.load_images(data_config("omniglot28"), split, str(tmp_path))
        assert sorted(table.groups["alphabet"]) == list(numbers)
        np.testing.assert_array_equal(table.labels, 10 * table.groups["alphabet"])
        assert not table.images.any()  # White paper: no ink.


def test_cifar10_is_read_whatever_the_size_of_its_test_split(tmp_path):
    images = random_images(7, 32, 32, 3)
    prepare_labelled(tmp_path, "cifar10", test=images)
    config = data_config("cifar10", (32, 32, 3))
    table = data.load_images(config, "test", str(tmp_path))
    np.testing.assert_array_equal(table.images, images)
    assert table.levels == 256
    with pytest.raises(UserError, match="has no split 'train"):
        data.load_images(config, "train", str(tmp_path))


@pytest.mark.parametrize("name", sorted(set(data.DATA_SETS) - {"glyphs"}))
def test_a_missing_data_set_says_what_to_do_and_where(name, tmp_path):
    shapes = {"cifar10": (32, 32, 3), "mazes": (64, 64, 3)}
    shape = shapes.get(name, (28, 28, 1))
    with pytest.raises(UserError) as error:
        data.load_images(data_config(name, shape), "train", str(tmp_path))
    message = str(error.value)
    assert str(tmp_path) in message
    assert "python tools/" in message
    assert "Nothing was downloaded" in message


def test_fixed_binarization_is_in_the_table_and_dynamic_is_not(tmp_path):
    images = np.arange(256, dtype=np.uint8)[:, None, None, None]
    images = np.broadcast_to(images, (256, 28, 28, 1))
    prepare_labelled(tmp_path, "mnist", test=images)
    grey, fixed, dynamic = (
        data.load_images(data_config("mnist", binarize=kind), "test", str(tmp_path))
        for kind in ("none", "fixed", "dynamic")
    )
    assert (grey.levels, fixed.levels, dynamic.levels) == (256, 2, 2)
    np.testing.assert_array_equal(grey.images, images)
    np.testing.assert_array_equal(dynamic.images, images)
    np.testing.assert_array_equal(fixed.images, np.where(images >= 128, 255, 0))


@pytest.mark.parametrize(
    ("name", "binarize", "likelihood", "remedies"),
    [
        ("mnist", "none", "bernoulli", ["'logistic_mixture'", "'fixed' or 'dynamic'"]),
        ("mnist", "fixed", "logistic_mixture:2", ["'bernoulli'", "binarize='none'"]),
        ("cifar10", "none", "bernoulli", ["'logistic_mixture'"]),
        ("glyphs", "none", "logistic_mixture", ["'bernoulli'"]),
        ("mnist", "dynamic", "bernoulli", None),
        ("mnist", "none", "logistic_mixture", None),
        ("glyphs", "none", "bernoulli", None),
    ],
)
def test_the_likelihood_must_be_one_of_the_images_levels(
    name, binarize, likelihood, remedies, tmp_path
):
    shape = (32, 32, 3) if name == "cifar10" else (28, 28, 1)
    if name != "glyphs":
        prepare_labelled(tmp_path, name, test=random_images(4, *shape))
    config = config_lib.default()
    config.data = data_config(name, shape, binarize=binarize)
    config.model.likelihood = likelihood
    if remedies is None:
        assert len(data.load_scored(config, "test", str(tmp_path)))
        return
    with pytest.raises(UserError, match="is not a likelihood of these") as error:
        data.load_scored(config, "test", str(tmp_path))
    for remedy in remedies:
        assert remedy in str(error.value)
    assert ("binarize with" in str(error.value)) == (
        name == "mnist" and binarize == "none"
    )


@pytest.mark.parametrize(
    ("config", "split", "message"),
    [
        (data_config("nist"), "train", "knows .*'mnist'.* Received: 'nist'"),
        (data_config("glyphs"), "dev", "Received: 'dev'"),
        (data_config("glyphs"), "train+train", "Received: 'train\\+train'"),
        (data_config("glyphs", (32, 32, 1)), "test", r"Received: \(32, 32, 1\)"),
        (data_config("glyphs", binarize="otsu"), "test", "Received: 'otsu'"),
    ],
)
def test_refuses_a_wrong_config(config, split, message):
    with pytest.raises(ValueError, match=message):
        data.load_images(config, split)

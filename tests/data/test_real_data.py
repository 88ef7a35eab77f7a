"""The data sets that are prepared where the tests run."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from kpp_tf import data
from kpp_tf.data import omniglot
from tests.data.tiny_data import data_config

pytestmark = pytest.mark.real_data

# Images in train, validation, test; mean of train+validation in [0, 1], with its
# tolerance. The means of MNIST and Fashion-MNIST are those known to four digits; that
# of the binarization is MNIST's, of 70,000 x 784 draws.
REAL = {
    "binarized_mnist": ((50_000, 10_000, 10_000), 0.1307, 2e-4),
    "mnist": ((50_000, 10_000, 10_000), 0.1307, 5e-5),
    "fashion_mnist": ((50_000, 10_000, 10_000), 0.2860, 5e-5),
}


@pytest.mark.parametrize("name", REAL)
def test_real_data_have_the_known_sizes_and_means(name, tfds_dir):
    sizes, mean, tolerance = REAL[name]
    tables = {
        split: data.load_images(data_config(name), split, str(tfds_dir))
        for split in ("train+validation", "validation", "test")
    }
    assert len(tables["train+validation"]) == sizes[0] + sizes[1]
    assert len(tables["validation"]) == sizes[1]
    assert len(tables["test"]) == sizes[2]
    whole = tables["train+validation"]
    assert abs(whole.images.mean() / 255 - mean) < tolerance
    np.testing.assert_array_equal(whole.images[sizes[0] :], tables["validation"].images)


@pytest.mark.parametrize("name", REAL)
def test_real_images_are_those_that_tfds_reads(name, tfds_dir):
    table = data.load_images(data_config(name), "test", str(tfds_dir))
    examples = tfds.load(
        name, split="test[:100]", data_dir=str(tfds_dir), download=False
    )
    scale = 255 if name == "binarized_mnist" else 1
    for row, example in enumerate(examples.as_numpy_iterator()):
        np.testing.assert_array_equal(table.images[row], scale * example["image"])
        if table.labels is not None:
            assert table.labels[row] == example["label"]


def test_a_pass_over_binarized_mnist_counts_ten_thousand_images(tfds_dir):
    config = data_config("binarized_mnist")
    table = data.load_images(config, "test", str(tfds_dir))
    assert set(np.unique(table.images)) == {0, 255}
    images = ink = 0
    for batch in data.evaluation_episodes(table, config, episodes_per_batch=8, seed=1):
        images += float(tf.reduce_sum(batch.mask))
        ink += float(tf.reduce_sum(batch.images))
    assert images == 10_000
    # Padding adds no ink: the pass sums to the table, in whole pixels.
    assert ink == (table.images > 0).sum()


def test_omniglot_test_split_is_the_evaluation_alphabets(tfds_dir):
    table = data.load_images(data_config("omniglot28"), "test", str(tfds_dir))
    assert len(table) == 13_180
    assert set(table.groups["alphabet"]) == set(range(30, 50))
    assert (np.bincount(table.labels - table.labels.min()) % 20 == 0).all()
    assert set(np.unique(table.images)) == {0, 255}


def test_omniglot_images_are_area_averages_of_the_ink(tfds_dir):
    """Against TensorFlow's own area-averaging resize, in float32."""
    folder = tfds_dir / "omniglot" / "3.0.0"
    examples = tfds.builder_from_directory(folder).as_dataset(split="test[:40]")
    for example in examples:
        ink = 1 - tf.cast(example["image"], tf.float32)[..., :1] / 255
        share = tf.image.resize(ink, (28, 28), "area")[..., 0].numpy()
        ours = omniglot.shrink(example)["image"].numpy()[..., 0]
        clear = np.abs(share - omniglot.THRESHOLD) > 1e-3
        expected = np.where(share >= omniglot.THRESHOLD, 255, 0)
        np.testing.assert_array_equal(ours[clear], expected[clear])

"""Small data sets, some written by TFDS itself, for the tests of what reads them."""

import itertools

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from kpp_tf import config as config_lib
from kpp_tf import data


def data_config(name, shape=(28, 28, 1), **changes):
    """The default `config.data` with another data set and other fields."""
    config = config_lib.default().data
    config.name = str(name)
    config.image_shape = shape
    config.update(changes)
    return config


def toy_config(**changes):
    """Batches of 6 episodes of 4 images."""
    return data_config(
        "toy", **{"episode_length": 4, "episodes_per_batch": 6, **changes}
    )


def toy_table(count=50, levels=256, images=None, labels=None, **groups):
    """Image i is 2 x 3 pixels of value 100 + i."""
    if images is None:
        images = np.arange(100, 100 + count, dtype=np.uint8)[:, None, None, None]
        images = np.broadcast_to(images, (count, 2, 3, 1)).copy()
    return data.ImageTable(images, labels, levels, "toy", "train", groups)


def train(table, config, batches, seed=1, **changes):
    """That many batches of training episodes."""
    dataset = data.training_episodes(table, config, seed=seed, **changes)
    return [
        data.Episodes(*batch)
        for batch in itertools.islice(dataset.as_numpy_iterator(), batches)
    ]


def evaluate(table, config, batch, seed=1, **changes):
    """All batches of evaluation episodes, and how many there were said to be."""
    dataset = data.evaluation_episodes(
        table, config, episodes_per_batch=batch, seed=seed, **changes
    )
    batches = [data.Episodes(*batch) for batch in dataset.as_numpy_iterator()]
    assert len(dataset) == len(batches)
    return batches


def indices(batches):
    """int64 [episodes, T], of all batches."""
    return np.concatenate([batch.index for batch in batches])


def prepare(data_dir, name, splits, image_format=None, **features):
    """Writes a prepared data set.

    Args:
      data_dir: folder of data sets.
      name: of the data set.
      splits: split -> dictionary of arrays [N, ...], uint8 "image" among them.
      image_format: "png" or "jpeg".
      **features: TFDS features other than "image".

    Returns:
      The folder of the version.
    """
    shape = next(iter(splits.values()))["image"].shape[1:]
    features["image"] = tfds.features.Image(shape=shape, encoding_format=image_format)
    builder = tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version="1.0.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets={
            split: tf.data.Dataset.from_tensor_slices(arrays)
            for split, arrays in splits.items()
        },
        data_dir=data_dir,
        disable_shuffling=True,
    )
    return builder.data_path


def prepare_labelled(data_dir, name, **splits):
    """`prepare` of images, the i-th of a split of class i % 10."""
    return prepare(
        data_dir,
        name,
        {
            split: {"image": images, "label": np.arange(len(images)) % 10}
            for split, images in splits.items()
        },
        label=tfds.features.ClassLabel(num_classes=10),
    )


def blank_chardata():
    """What `chardata.mat` holds of Burda's Omniglot, of as many blank images."""
    contents = {}
    for prefix, size in (("", 24_345), ("test", 8_070)):
        contents[f"{prefix}data"] = np.zeros((784, size), np.uint8)
        contents[f"{prefix}target"] = np.tile(np.eye(50, dtype=np.uint8)[:, :1], size)
        contents[f"{prefix}targetchar"] = np.ones((1, size), np.uint8)
    return contents


def random_images(count, *shape, levels=256):
    """uint8 [count, *shape]."""
    rng = np.random.default_rng(count)
    return rng.integers(0, levels, (count, *shape)).astype(np.uint8)

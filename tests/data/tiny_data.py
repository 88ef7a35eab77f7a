"""Small data sets, written by TFDS itself, for the tests of what reads them."""

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds


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


def random_images(count, *shape, levels=256):
    """uint8 [count, *shape]."""
    rng = np.random.default_rng(count)
    return rng.integers(0, levels, (count, *shape)).astype(np.uint8)

"""Tests of the builder on six training and four test images."""

from unittest import mock

import tensorflow_datasets as tfds

from kpp_tf.data.burda_omniglot import burda_omniglot_dataset_builder as builder


class BurdaOmniglotTest(tfds.testing.DatasetBuilderTestCase):
    """TFDS's own tests; the file is found in `dummy_data`, the manual folder."""

    DATASET_CLASS = builder.Builder
    SPLITS = {"train": 6, "test": 4}

    def setUp(self):
        """Lets a file of `SPLITS` pass for the whole."""
        patch = mock.patch.dict(builder.IMAGES, self.SPLITS)
        patch.start()
        self.addCleanup(patch.stop)
        super().setUp()


if __name__ == "__main__":
    tfds.testing.test_main()

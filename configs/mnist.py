r"""Kanerva++ on MNIST, binarized anew each time an image is seen.

    python tools/train.py --config=configs/mnist.py --workdir=runs/mnist \
        --data_dir=DIR

RESULTS.md has no run of it. New draws keep a model from memorizing the training set, so
do not compare its bounds with those on the fixed binarization of binarized_mnist.py.
"""

import ml_collections

from kpp_tf.config import default


def get_config() -> ml_collections.ConfigDict:
    """The config."""
    config = default()
    config.data.name = "mnist"
    config.data.binarize = "dynamic"
    config.data.augment = ("shift",)
    config.train.steps = 12_000
    return config

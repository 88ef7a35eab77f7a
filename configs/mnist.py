r"""Kanerva++ on MNIST, binarized afresh each time an image is seen.

    python tools/train.py --config=configs/mnist.py --workdir=runs/mnist \
        --data_dir=DIR

Bounds are not comparable with those on the fixed binarization of
binarized_mnist.py: fresh draws keep a model from learning the training set by heart.
"""

from kpp_tf.config import default


def get_config():
    """Returns the config."""
    config = default()
    config.data.name = "mnist"
    config.data.binarize = "dynamic"
    config.data.augment = ("shift",)
    config.train.steps = 12_000
    return config

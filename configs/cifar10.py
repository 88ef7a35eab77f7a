r"""Kanerva++ on CIFAR-10, in bits/dim.

    python tools/train.py --config=configs/cifar10.py --workdir=runs/cifar10 \
        --data_dir=DIR

Say beside a result how many test images the prepared data has: 10,000 in the official
release.
"""

from kpp_tf.config import default


def get_config():
    """Returns the config."""
    config = default()
    config.data.name = "cifar10"
    config.data.image_shape = (32, 32, 3)
    config.model.likelihood = "logistic_mixture"
    config.train.learning_rate = 1e-3
    config.train.steps = 20_000
    return config

r"""Kanerva++ on ImageNet at 32x32, in bits/dim.

    python tools/train.py --config=configs/imagenet32.py --workdir=runs/imagenet32 \
        --data_dir=DIR

The download that TFDS knows is reported broken: `kpp_tf/data/imagenet32.py` says
which files to put where. The first run decodes them (minutes) and keeps the result.
"""

from kpp_tf.config import of_neighbour


def get_config():
    """Returns the config."""
    config = of_neighbour(__file__, "cifar10")
    config.data.name = "imagenet32"
    config.train.steps = 100_000
    return config

r"""Kanerva++ on CelebA, cropped to the face and shrunk to 64x64, in bits/dim.

    python tools/train.py --config=configs/celeb_a.py --workdir=runs/celeb_a \
        --data_dir=DIR

The first run decodes the images (minutes) and keeps them beside the prepared data.
"""

from kpp_tf.config import default


def get_config():
    """Returns the config."""
    config = default()
    config.data.name = "celeb_a"
    config.data.image_shape = (64, 64, 3)
    config.model.likelihood = "logistic_mixture"
    config.model.decoder.widths = (128, 96)
    config.model.decoder.blocks = (2, 2)
    config.train.learning_rate = 1e-3
    config.train.steps = 40_000
    return config

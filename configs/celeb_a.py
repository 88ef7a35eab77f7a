r"""Kanerva++ on CelebA, cropped to the face and shrunk to 64x64, in bits/dim.

    python tools/train.py --config=configs/celeb_a.py --workdir=runs/celeb_a \
        --data_dir=DIR

The first run decodes the images (minutes) and keeps them beside the prepared data.
"""

from kpp_tf.config import of_neighbour


def get_config():
    """Returns the config."""
    config = of_neighbour(__file__, "mazes")  # colour of 64x64, too
    config.data.name = "celeb_a"
    config.data.grouping = "uniform"
    config.train.steps = 40_000
    return config

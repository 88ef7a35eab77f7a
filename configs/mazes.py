r"""Kanerva++ on walks through mazes, 64x64 colour: 32 frames in a row an episode.

    python tools/make_mazes.py --data_dir=DIR
    python tools/train.py --config=configs/mazes.py --workdir=runs/mazes \
        --data_dir=DIR

For frames of 32x32 make the data set with --size=32 and add
--config.data.image_shape='(32, 32, 3)'.
"""

from kpp_tf.config import default


def get_config():
    """Returns the config."""
    config = default()
    config.data.name = "mazes"
    config.data.image_shape = (64, 64, 3)
    config.data.grouping = "consecutive"
    config.model.likelihood = "logistic_mixture"
    config.model.decoder.widths = (128, 96)
    config.model.decoder.blocks = (2, 2)
    config.train.learning_rate = 1e-3
    config.train.steps = 20_000
    return config

r"""Kanerva++ on GQN's mazes, shrunk to 64x64: 32 frames in a row an episode.

    python tools/train.py --config=configs/gqn_mazes.py --workdir=runs/gqn_mazes \
        --data_dir=DIR

The data is copied by hand; `kpp_tf/data/gqn_mazes.py` says from where and to where.
"""

from kpp_tf.config import default


def get_config():
    """Returns the config."""
    config = default()
    config.data.name = "gqn_mazes"
    config.data.image_shape = (64, 64, 3)
    config.data.grouping = "consecutive"
    config.model.likelihood = "logistic_mixture"
    config.model.decoder.widths = (128, 96)
    config.model.decoder.blocks = (2, 2)
    config.train.learning_rate = 1e-3
    config.train.steps = 20_000
    return config

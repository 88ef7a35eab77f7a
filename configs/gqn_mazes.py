r"""Kanerva++ on GQN's mazes, shrunk to 64x64: 32 frames in a row an episode.

    python tools/train.py --config=configs/gqn_mazes.py --workdir=runs/gqn_mazes \
        --data_dir=DIR

The data is copied by hand; `kpp_tf/data/gqn_mazes.py` says from where and to where.
"""

from kpp_tf.config import of_neighbour


def get_config():
    """Returns the config."""
    config = of_neighbour(__file__, "mazes")
    config.data.name = "gqn_mazes"
    return config

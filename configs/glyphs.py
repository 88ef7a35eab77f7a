"""Kanerva++ on glyphs that the program draws: no data, no network.

python tools/train.py --config=configs/glyphs.py --workdir=runs/glyphs
"""

from kpp_tf.config import default


def get_config():
    """Returns the config."""
    config = default()
    config.data.name = "glyphs"
    config.train.steps = 1_200
    return config

"""Kanerva++ on glyphs that the program draws: no data, no network.

python tools/train.py --config=configs/glyphs.py --workdir=runs/glyphs

A run to try the programs with; RESULTS.md has no figures of it.
"""

import ml_collections

from kpp_tf.config import default


def get_config() -> ml_collections.ConfigDict:
    """The config."""
    config = default()
    config.data.name = "glyphs"
    config.train.steps = 1_200
    return config

r"""Kanerva++ on Burda's Omniglot, 28x28, binarized anew each time an image is seen.

    python tools/prepare_data.py --name=burda_omniglot --data_dir=DIR
    python tools/train.py --config=configs/burda_omniglot.py \
        --workdir=runs/burda --data_dir=DIR

Most published results on Omniglot are for this version. RESULTS.md has no run of it.
"""

import ml_collections

from kpp_tf.config import of_neighbour


def get_config() -> ml_collections.ConfigDict:
    """The config."""
    config = of_neighbour(__file__, "mnist")
    config.data.name = "burda_omniglot"
    config.train.steps = 8_000
    return config

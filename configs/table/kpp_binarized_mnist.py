r"""K++ on binarized MNIST: a small version for the results table.

    python tools/train.py --config=configs/table/kpp_binarized_mnist.py \
        --workdir=runs/table/kpp_binarized_mnist --data_dir=...

3,168 memory floats an episode, 99 an image; as short as its neighbours here,
with the source's Gaussian keys.
configs/binarized_mnist.py is the long run.
"""

import ml_collections

from kpp_tf import config as defaults


def get_config() -> ml_collections.ConfigDict:
    """1,000 steps of 256 images."""
    config = defaults.default()
    config.data.name = "binarized_mnist"
    config.model.key_posterior = "gaussian"
    config.train.steps = 1000
    return config

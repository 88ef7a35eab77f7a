r"""VAE on binarized MNIST: a small version for the results table.

    python tools/train.py --config=configs/table/vae_binarized_mnist.py \
        --workdir=runs/table/vae_binarized_mnist --data_dir=...

No memory: the bound is of ln p(X), and what a memory of the same networks must
beat.
"""

import ml_collections

from kpp_tf import config as defaults


def get_config() -> ml_collections.ConfigDict:
    """1,000 steps of 256 images."""
    config = defaults.default()
    config.data.name = "binarized_mnist"
    config.model = defaults.vae()
    config.train.steps = 1000
    return config

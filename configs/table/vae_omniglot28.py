r"""VAE on Omniglot, 28x28: a small version for the results table.

    python tools/train.py --config=configs/table/vae_omniglot28.py \
        --workdir=runs/table/vae_omniglot28 --data_dir=...

No memory: the bound is of ln p(X), and what a memory of the same networks must
beat.
"""

import ml_collections

from kpp_tf import config as defaults


def get_config() -> ml_collections.ConfigDict:
    """1,000 steps of 256 images."""
    config = defaults.default()
    config.data.name = "omniglot28"
    config.model = defaults.vae()
    config.train.steps = 1000
    return config

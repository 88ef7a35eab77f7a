r"""K++ on Omniglot, 28x28: a small version for the results table.

    python tools/train.py --config=configs/table/kpp_omniglot28.py \
        --workdir=runs/table/kpp_omniglot28 --data_dir=...

3,168 memory floats an episode, 99 an image; as short as its neighbours here,
with the source's Gaussian keys.
configs/omniglot28.py is the long run.
"""

import ml_collections

from kpp_tf import config as defaults


def get_config() -> ml_collections.ConfigDict:
    """1,000 steps of 256 images."""
    config = defaults.default()
    config.data.name = "omniglot28"
    config.model.key_posterior = "gaussian"
    config.train.steps = 1000
    return config

r"""DKM on Omniglot, 28x28: a small version for the results table.

    python tools/train.py --config=configs/table/dkm_omniglot28.py \
        --workdir=runs/table/dkm_omniglot28 --data_dir=...

32 slots of 100: 3,200 floats an episode in the memory's mean, and the root of its
covariance. The bound is of ln p(X|M), M drawn from its posterior; with
--config.model.memory_kl=True --config.model.prior_scale=0.1 it is of ln p(X).
"""

import ml_collections

from kpp_tf import config as defaults


def get_config() -> ml_collections.ConfigDict:
    """1,000 steps of 256 images."""
    config = defaults.default()
    config.data.name = "omniglot28"
    config.model = defaults.dynamic_kanerva_machine()
    config.train.steps = 1000
    return config

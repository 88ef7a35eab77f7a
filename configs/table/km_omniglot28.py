r"""KM on Omniglot, 28x28: a small version for the results table.

    python tools/train.py --config=configs/table/km_omniglot28.py \
        --workdir=runs/table/km_omniglot28 --data_dir=...

32 slots of 100, as in DKM. The bound is of ln p(X|M), M drawn from its posterior;
--config.model.memory_kl=True counts the memory's KL too.
"""

import ml_collections

from kpp_tf import config as defaults


def get_config() -> ml_collections.ConfigDict:
    """1,000 steps of 256 images."""
    config = defaults.default()
    config.data.name = "omniglot28"
    config.model = defaults.kanerva_machine()
    config.train.steps = 1000
    return config

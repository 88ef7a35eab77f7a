r"""DKM with TSM on Omniglot, 28x28: a small version for the results table.

    python tools/train.py --config=configs/table/dkm_tsm_omniglot28.py \
        --workdir=runs/table/dkm_tsm_omniglot28 --data_dir=...

DKM whose encoder lets the frames of an episode exchange channels; the rest as in
configs/table/dkm_omniglot28.py.
"""

import ml_collections

from kpp_tf import config as defaults


def get_config() -> ml_collections.ConfigDict:
    """1,000 steps of 256 images."""
    config = defaults.default()
    config.data.name = "omniglot28"
    config.model = defaults.dynamic_kanerva_machine()
    config.model.encoder.shift = "bidirectional"
    config.train.steps = 1000
    return config

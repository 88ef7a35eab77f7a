r"""VMA on Omniglot, 28x28: a small version for the results table.

    python tools/train.py --config=configs/table/vma_omniglot28.py \
        --workdir=runs/table/vma_omniglot28 --data_dir=...

The memory holds 100 floats an image, and the scored image's own item among them.
The figure is the VIMCO bound of 4 addresses; --config.model.address_samples=0 sums
over all 32 slots instead, at some 5 times the cost.
"""

import ml_collections

from kpp_tf import config as defaults


def get_config() -> ml_collections.ConfigDict:
    """1,000 steps of 256 images."""
    config = defaults.default()
    config.data.name = "omniglot28"
    config.model = defaults.variational_memory_addressing()
    config.train.steps = 1000
    return config

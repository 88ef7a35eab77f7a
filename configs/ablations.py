r"""One thing changed at a time, on binarized MNIST: `configs/ablations.py:VARIANT`.

    python tools/train.py --config=configs/ablations.py:pooled \
        --workdir=runs/ablations/pooled --data_dir=DIR
    python tools/evaluate.py --workdir=runs/ablations/pooled --data_dir=DIR \
        --split=validation --json=results/ablations/pooled.json

BUILD.md has the loop over all of them. The variants are compared on validation data,
after equally many steps.
"""

import ml_collections

from kpp_tf.config import default, use_dense_networks
from kpp_tf.errors import UserError

# Overrides of `config.model` by the field's path. Where the number or size of blocks
# changes, the memory's cells do too, so that every block still has a slot of its own:
# (S/P)^2 of them, T K needed. D then keeps the memory at 3,200 floats an episode or
# just below.
VARIANTS = {
    "base": {},
    "pooled": {"writer": "pooled"},
    "no_shift": {"encoder.shift": "none"},
    "blocks_2": {"blocks_per_frame": 2, "memory_size": 8, "memory_depth": 49},
    "blocks_4": {"blocks_per_frame": 4, "memory_size": 12, "memory_depth": 22},
    "memory_800": {"memory_depth": 22},
    "memory_1600": {"memory_depth": 44},
    "memory_12800": {"memory_depth": 352},
    "no_block_path": {"decode_blocks": False},
    "gaussian": {"key_posterior": "gaussian"},
    "sharp": {"sharpness": 6.0},
    "bilinear": {"sharpness": 1.0},
    "block_size_2": {"block_size": 2, "memory_size": 12, "memory_depth": 22},
    "block_size_3": {"block_size": 3, "memory_size": 18, "memory_depth": 9},
}


def get_config(variant: str = "base") -> ml_collections.ConfigDict:
    """The config of a variant.

    Raises:
      UserError: for an unknown one.
    """
    if variant not in VARIANTS:
        raise UserError(
            f"The ablations are {', '.join(VARIANTS)}. Received: {variant!r}"
        )
    config = default()
    config.data.name = "binarized_mnist"
    config.data.augment = ("nudge",)
    use_dense_networks(config.model)
    config.model.update_from_flattened_dict(VARIANTS[variant])
    return config

r"""One change at a time, on binarized MNIST: `configs/ablations.py:VARIANT`.

    python tools/train.py --config=configs/ablations.py:turn \
        --workdir=runs/ablations/turn --data_dir=DIR
    python tools/evaluate.py --workdir=runs/ablations/turn --data_dir=DIR \
        --split=validation --json=results/ablations/turn.json

BUILD.md has the loop over all variants, and RESULTS.md their figures: all have the same
number of steps and are compared on validation data. A run of 1,000 steps takes 5
minutes on two cores of an AMD EPYC.
"""

import ml_collections

from kpp_tf.config import default, use_dense_networks
from kpp_tf.errors import UserError

# Overrides of `config.model` by the field's path. Where the number or size of blocks
# changes, so does the number of cells: every block keeps a slot of its own, (S/P)^2
# slots for T K blocks. D then keeps the memory at 3,168 floats an episode or just
# below, coverage included.
VARIANTS = {
    "base": {},
    "turn": {"allocation": "turn"},
    "no_shift": {"encoder.shift": "none"},
    "gaussian": {"key_posterior": "gaussian"},
    "finest_third": {"finest": 1 / 3},
    "finest_twelfth": {"finest": 1 / 12},
    "unexplored": {"explored": 0.0},
    "near": {"near": 0.5},
    "latents_32": {"latent_size": 32},
    "one_group": {"latent_groups": 1},
    "blocks_2": {"blocks_per_frame": 2, "memory_size": 8, "memory_depth": 48},
    "blocks_4": {"blocks_per_frame": 4, "memory_size": 12, "memory_depth": 21},
    "slots_64": {"memory_size": 8, "memory_depth": 48},
    "memory_792": {"memory_depth": 21},
    "memory_1584": {"memory_depth": 43},
    "memory_12672": {"memory_depth": 351},
}


def get_config(variant: str = "base") -> ml_collections.ConfigDict:
    """The config of a variant.

    Raises:
      UserError: if there is no such variant.
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

r"""Kanerva++ on CIFAR-10 with 256 memory floats an image: 3 numbers a cell.

    python tools/train.py --config=configs/cifar10_256.py \
        --workdir=runs/cifar10_256 --data_dir=DIR \
        --config.train.precision=mixed_bfloat16

A quarter of the room of configs/cifar10.py, and little but storing asked for.
"""

from kpp_tf.config import of_neighbour


def get_config():
    """Returns the config."""
    config = of_neighbour(__file__, "cifar10")
    config.model.memory_depth = 3
    config.model.latent_groups = 1
    config.train.kl_warmup_steps = 1_500
    config.train.steps = 5_000
    config.train.stored_weight = 5.0
    return config

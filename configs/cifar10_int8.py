r"""Kanerva++ on CIFAR-10 for a memory of 8 bits: the room of 254 floats an image.

    python tools/train.py --config=configs/cifar10_int8.py --init_from=cifar10 \
        --workdir=runs/cifar10_int8 --data_dir=DIR \
        --config.train.precision=mixed_bfloat16
    python tools/evaluate.py --workdir=runs/cifar10_int8 --data_dir=DIR \
        --quantities=stored,unseen,rate

A quarter of the room of configs/cifar10.py, whose weights recall nothing from a memory
that was rounded; what is stored is blurred in training as rounding will do it.
"""

from kpp_tf.config import of_neighbour


def get_config():
    """Returns the config."""
    config = of_neighbour(__file__, "cifar10")
    config.model.rounding = 1 / 127
    config.train.kl_warmup_steps = 0
    config.train.learning_rate = 5e-4
    config.train.stored_weight = 3.0
    config.train.steps = 1_000
    return config

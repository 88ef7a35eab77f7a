r"""Kanerva++ on walks through mazes, 64x64 colour, in bits/dim: 32 frames in a row.

    python tools/make_mazes.py --data_dir=DIR
    python tools/train.py --config=configs/mazes.py --init_from=cifar10 \
        --workdir=runs/mazes --data_dir=DIR \
        --config.train.precision=mixed_bfloat16

The networks are those of configs/cifar10.py, and training starts from its weights. An
image is a block of 16 x 16 cells, 4,032 memory floats: per pixel the same as there.

Time: 0.67 hours on two cores of an AMD EPYC beside other work, from step 5,500 of the
last run of configs/cifar10.py. Result: 2.385 bits/dim stored, 3.598 unseen on the first
20 test mazes, and 3.505 predictive: a view costs less once other views of its maze are
in the memory.

For frames of 32x32 make the data set with --size=32 and add
--config.data.image_shape='(32, 32, 3)' --config.model.block_size=8
--config.model.memory_size=48
"""

import ml_collections

from kpp_tf.config import of_neighbour


def get_config() -> ml_collections.ConfigDict:
    """The config."""
    config = of_neighbour(__file__, "cifar10")
    config.data.name = "mazes"
    config.data.image_shape = (64, 64, 3)
    config.data.grouping = "consecutive"
    config.model.block_size = 16
    config.model.memory_size = 96
    # Frames follow each other, so the view of a moment ago says most.
    config.model.near = 0.75
    config.train.steps = 700
    config.train.learning_rate = 1.5e-4
    config.train.stored_weight = 1.0
    config.train.kl_warmup_steps = 0
    return config

r"""Kanerva++ on walks through mazes, 64x64 colour, in bits/dim: 32 frames in a row.

    python tools/make_mazes.py --data_dir=DIR
    python tools/train.py --config=configs/mazes.py --workdir=runs/mazes \
        --data_dir=DIR --config.train.precision=mixed_bfloat16

An image is a block of 8 x 8 cells, 1,008 memory floats, as in configs/cifar10.py. Here
the predictive bound is the point: a view of a maze costs less once others of it were
written.

For frames of 32x32 make the data set with --size=32 and add
--config.data.image_shape='(32, 32, 3)' --config.model.encoder.stem_stride=2
--config.model.decoder.head_stride=2
"""

from kpp_tf.config import of_neighbour


def get_config():
    """Returns the config."""
    config = of_neighbour(__file__, "cifar10")
    config.data.name = "mazes"
    config.data.image_shape = (64, 64, 3)
    config.data.grouping = "consecutive"
    config.model.likelihood = "logistic_mixture:3"
    config.model.encoder.stem_stride = 4
    config.model.decoder.head_stride = 4
    config.train.steps = 2_500
    config.train.stored_weight = 1.0
    return config

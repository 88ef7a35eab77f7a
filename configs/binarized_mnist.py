r"""Kanerva++ on binarized MNIST (Larochelle): 3,168 memory floats for 32 images.

    python tools/train.py --config=configs/binarized_mnist.py \
        --workdir=runs/mnist --data_dir=DIR

Compare with bounds on the same fixed binarization only.
"""

from kpp_tf.config import default


def get_config():
    """Returns the config."""
    config = default()
    config.data.name = "binarized_mnist"
    config.data.augment = ("nudge",)
    config.data.validation_split = "validation"
    config.train.steps = 14_000
    config.train.learning_rate = 4e-3
    config.train.stored_weight = 3.0
    config.train.precision = "mixed_bfloat16"
    config.train.checkpoint_every = 500
    return config

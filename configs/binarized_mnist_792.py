r"""Kanerva++ on binarized MNIST with 792 memory floats for 32 images, 25 an image.

    python tools/train.py --config=configs/binarized_mnist_792.py \
        --workdir=runs/mnist_792 --data_dir=DIR \
        --config.train.precision=mixed_bfloat16
"""

from kpp_tf.config import default


def get_config():
    """Returns the config."""
    config = default()
    config.data.name = "binarized_mnist"
    config.data.augment = ("nudge",)
    config.model.memory_depth = 22
    config.train.steps = 24_000
    config.train.kl_warmup_steps = 1_000
    return config

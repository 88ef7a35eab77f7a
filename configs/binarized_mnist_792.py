r"""Kanerva++ on binarized MNIST with 792 memory floats for 32 images, 25 per image.

    python tools/train.py --config=configs/binarized_mnist_792.py \
        --workdir=runs/mnist_792 --data_dir=DIR

Gaussian keys, the source's. Compare with bounds on the same fixed binarization only.
"""

from kpp_tf.config import of_neighbour


def get_config():
    """Returns the config."""
    config = of_neighbour(__file__, "binarized_mnist")
    config.model.memory_depth = 21
    config.model.key_posterior = "gaussian"
    config.train.steps = 8_000
    config.train.kl_warmup_steps = 500
    config.train.stored_weight = 2.0
    return config

r"""Kanerva++ on binarized MNIST with 792 memory floats for 32 images, 25 per image.

    python tools/train.py --config=configs/binarized_mnist_792.py \
        --workdir=runs/mnist_792 --data_dir=DIR

Gaussian keys, the source's, and little but storing asked for: 21 numbers an image are
few. Compare with bounds on the same fixed binarization only.
"""

from kpp_tf.config import of_neighbour


def get_config():
    """Returns the config."""
    config = of_neighbour(__file__, "binarized_mnist")
    config.model.memory_depth = 21
    config.model.key_posterior = "gaussian"
    config.model.explored = 0.0
    config.model.latent_groups = 1
    config.train.steps = 8_000
    config.train.learning_rate = 3e-3
    config.train.stored_weight = 10.0
    return config

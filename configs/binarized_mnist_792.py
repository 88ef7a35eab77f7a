r"""Kanerva++ on binarized MNIST with 792 memory floats for 32 images, 25 per image.

    python tools/train.py --config=configs/binarized_mnist_792.py \
        --workdir=runs/mnist_792 --data_dir=DIR

Gaussian keys, the source's. Compare with bounds on the same fixed binarization only.
"""

import runpy
from pathlib import Path


def get_config():
    """Returns the config."""
    # By its path: programs that load this file have no package of that name.
    neighbour = runpy.run_path(str(Path(__file__).with_name("binarized_mnist.py")))
    config = neighbour["get_config"]()
    config.model.memory_depth = 21
    config.model.key_posterior = "gaussian"
    return config

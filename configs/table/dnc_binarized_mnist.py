r"""DNC on binarized MNIST: a small version for the results table.

    python tools/train.py --config=configs/table/dnc_binarized_mnist.py \
        --workdir=runs/table/dnc_binarized_mnist --data_dir=...

32 slots of 64 and 32 x 32 links: 3,072 floats an episode, 96 an image. The memory is
written from the images that are scored. Do not expect it to beat the VAE: see
GenerativeDNC.
"""

import ml_collections

from kpp_tf import config as defaults


def get_config() -> ml_collections.ConfigDict:
    """1,000 steps of 256 images."""
    config = defaults.default()
    config.data.name = "binarized_mnist"
    config.model = defaults.differentiable_neural_computer()
    config.train.steps = 1000
    return config

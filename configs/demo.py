"""`make demo`: dense networks on glyphs, for about a minute on two slow cores.

python tools/train.py --config=configs/demo.py --workdir=runs/demo/training

It shows how training works. Useful weights take a hundred times the steps
(configs/binarized_mnist.py).
"""

import ml_collections

from kpp_tf.config import default, use_dense_networks


def get_config() -> ml_collections.ConfigDict:
    """The config."""
    config = default()
    config.data.name = "glyphs"
    use_dense_networks(config.model)
    config.train.steps = 150
    config.train.warmup_steps = 20
    config.train.kl_warmup_steps = 50
    config.train.steps_per_loop = 10
    config.train.log_every = 10
    return config

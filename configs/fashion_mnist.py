r"""Kanerva++ on Fashion-MNIST, 256 levels: 3,168 memory floats for 32 images.

    python tools/train.py --config=configs/fashion_mnist.py \
        --workdir=runs/fashion --data_dir=DIR \
        --config.train.precision=mixed_bfloat16

The shipped weights had a quarter of the frames exploring in this run, and 1,500 steps
more from there (`--init_from=fashion_mnist --config.train.steps=1500
--config.train.kl_warmup_steps=0 --config.train.learning_rate=1e-3`).

Time: 0.6 hours for both on two cores of an AMD EPYC. Result: 3.084 bits/dim stored,
3.359 unseen on test images. Compare with models of all 256 levels only.
"""

import ml_collections

from kpp_tf.config import default, use_dense_networks


def get_config() -> ml_collections.ConfigDict:
    """The config."""
    config = default()
    config.data.name = "fashion_mnist"
    config.data.augment = ("nudge",)
    config.model.likelihood = "logistic_mixture:2"
    # With six parameters a pixel, 1,024 units or four groups would take over 10 MB.
    use_dense_networks(config.model, hidden=544)
    config.model.latent_groups = 1
    config.train.steps = 6_000
    config.train.checkpoint_every = 1_000
    return config

r"""Kanerva++ on Omniglot, 28x28, binary: 3,168 memory floats for 32 images.

    python tools/train.py --config=configs/omniglot28.py \
        --workdir=runs/omniglot --data_dir=DIR \
        --config.train.precision=mixed_bfloat16

The shipped weights came in three runs on two cores of an AMD EPYC (Zen 4): 9,000 steps
with `stored_weight` 1 and a quarter of the frames exploring (0.38 hours), 3,000 steps
more by this config (0.11 hours), both with one group of latents, and 4,000 with four
groups (0.35 hours):

    python tools/train.py --config=configs/omniglot28.py \
        --init_from=omniglot28 --config.train.steps=4000 \
        --config.train.kl_warmup_steps=0 --config.train.learning_rate=2e-3 \
        --workdir=runs/omniglot --data_dir=DIR \
        --config.train.precision=mixed_bfloat16

Result: 17.24 nats stored, 101.30 unseen on test images, whose alphabets are new.
Burda's version is in burda_omniglot.py.
"""

import ml_collections

from kpp_tf.config import default, use_dense_networks


def get_config() -> ml_collections.ConfigDict:
    """The config."""
    config = default()
    config.data.name = "omniglot28"
    config.data.augment = ("shift", "flip")
    use_dense_networks(config.model)
    # Storing is easy here; modelling unseen images is hard.
    config.model.scale_low, config.model.scale_high = 0.4, 0.47
    config.train.stored_weight = 0.7
    config.train.steps = 9_000
    config.train.learning_rate = 3e-3
    config.train.kl_warmup_steps = 1_000  # after 200 the latents had collapsed
    config.train.checkpoint_every = 1_000
    return config

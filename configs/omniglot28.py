r"""Kanerva++ on Omniglot, 28x28, binary: 3,168 memory floats for 32 images.

    python tools/train.py --config=configs/omniglot28.py \
        --workdir=runs/omniglot --data_dir=DIR \
        --config.train.precision=mixed_bfloat16

Alphabets of the test split are new; Burda's version is burda_omniglot.py. The shipped
weights came in three runs on two cores of an AMD EPYC (Zen 4): 9,000 steps with both
bounds counting once and a quarter of the frames exploring, 3,000 by this config from
those weights, both with the latents in one group, and 4,000 with four:

    python tools/train.py --config=configs/omniglot28.py \
        --init_from=omniglot28 --config.train.steps=4000 \
        --config.train.kl_warmup_steps=0 --config.train.learning_rate=2e-3 \
        --workdir=runs/omniglot --data_dir=DIR \
        --config.train.precision=mixed_bfloat16
"""

from kpp_tf.config import default, use_dense_networks


def get_config():
    """Returns the config."""
    config = default()
    config.data.name = "omniglot28"
    config.data.augment = ("shift", "flip")
    use_dense_networks(config.model)
    # Storing is easy here, and knowing is not.
    config.model.scale_low, config.model.scale_high = 0.4, 0.47
    config.train.stored_weight = 0.7
    config.train.steps = 9_000
    config.train.learning_rate = 3e-3
    config.train.kl_warmup_steps = 1_000  # after 200 the latents had collapsed
    config.train.checkpoint_every = 1_000
    return config

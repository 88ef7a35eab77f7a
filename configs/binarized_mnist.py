r"""Kanerva++ on binarized MNIST (Larochelle): 3,168 memory floats for 32 images.

    python tools/train.py --config=configs/binarized_mnist.py \
        --workdir=runs/mnist --data_dir=DIR

The shipped weights came in three runs on two cores of an AMD EPYC (Zen 5), each from
those before (`--init_from`): 24,000 steps at a rate of 2e-3, both bounds counting once
and the map's pairs of one episode; 13,000 at 3e-3, recalled images counting twice; and
5,000 by this config, which gives more of the scale's prior to all of the memory:

    python tools/train.py --config=configs/binarized_mnist.py \
        --init_from=binarized_mnist --config.train.steps=5000 \
        --config.train.kl_warmup_steps=0 --workdir=runs/mnist --data_dir=DIR

The plain command above, all steps in one run, is what they led to, and has not been run
to its end.

Compare with bounds on the same fixed binarization only.
"""

from kpp_tf.config import default, use_dense_networks


def get_config():
    """Returns the config."""
    config = default()
    config.data.name = "binarized_mnist"
    config.data.augment = ("nudge",)
    config.data.validation_split = "validation"
    use_dense_networks(config.model)
    config.model.encoder.linear = False  # not yet in the weights that ship
    config.train.steps = 42_000
    config.train.learning_rate = 2e-3
    config.train.stored_weight = 1.3
    config.train.checkpoint_every = 1_000
    return config

r"""Kanerva++ on binarized MNIST (Larochelle): 3,168 memory floats for 32 images.

    python tools/train.py --config=configs/binarized_mnist.py \
        --workdir=runs/mnist --data_dir=DIR

The shipped weights came in two runs on two cores of an AMD EPYC (Zen 5) that other work
shared, 1.6 hours in all: 24,000 steps at a rate of 2e-3, both bounds counting once and
the map's pairs of one episode; then 13,000 more by this config, from those weights:

    python tools/train.py --config=configs/binarized_mnist.py \
        --init_from=binarized_mnist --config.train.steps=13000 \
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
    config.train.steps = 37_000
    config.train.learning_rate = 3e-3
    config.train.stored_weight = 2.0
    config.train.checkpoint_every = 1_000
    return config

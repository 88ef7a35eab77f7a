r"""Kanerva++ on binarized MNIST (Larochelle): 3,168 memory floats for 32 images.

    python tools/train.py --config=configs/binarized_mnist.py \
        --workdir=runs/mnist --data_dir=DIR \
        --config.train.precision=mixed_bfloat16

The shipped weights came in five runs on two cores of an AMD EPYC, each from those
before (`--init_from`): 24,000 steps at a rate of 2e-3, both bounds counting once and
the map's pairs of one episode; 13,000 at 3e-3, recalled images counting twice, a
quarter of the frames exploring; 5,000 with more of the scale's prior for all of the
memory; 7,000 by this config; all with the latents in one group, and 3,000 with four:

    python tools/train.py --config=configs/binarized_mnist.py \
        --init_from=binarized_mnist --config.train.steps=3000 \
        --config.train.kl_warmup_steps=0 --workdir=runs/mnist --data_dir=DIR \
        --config.train.precision=mixed_bfloat16

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
    config.model.encoder.linear = False  # with it unseen images cost more in the end
    config.train.steps = 52_000
    config.train.learning_rate = 2e-3
    config.train.stored_weight = 1.3
    config.train.checkpoint_every = 1_000
    return config

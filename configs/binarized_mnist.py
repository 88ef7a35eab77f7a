r"""Kanerva++ on binarized MNIST (Larochelle): 3,168 memory floats for 32 images.

    python tools/train.py --config=configs/binarized_mnist.py \
        --workdir=runs/mnist --data_dir=DIR

The shipped weights took 66 minutes of training on two cores of an AMD EPYC (Zen 5)
that other work shared, 1,100 to 2,200 images/s: 16,000 steps under a schedule of that
length, then on to 24,000 under this one, with a map that had learned from the stored
contents before and learned from pixels then. Test: stored 21.57, unseen 91.56 nats per
image.

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
    config.train.steps = 24_000
    config.train.checkpoint_every = 1_000
    return config

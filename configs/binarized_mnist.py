r"""Kanerva++ on binarized MNIST (Larochelle): 3,168 memory floats for 32 images.

    python tools/train.py --config=configs/binarized_mnist.py \
        --workdir=runs/mnist --data_dir=DIR

8,000 steps of 256 images took 54 minutes on two cores that other work shared; alone
they make 1,400 images/s, which would be 25 minutes. Test bound 17.49 nats/image.

Compare with bounds on the same fixed binarization only.
"""

from kpp_tf.config import default


def get_config():
    """Returns the config."""
    config = default()
    config.data.name = "binarized_mnist"
    config.data.augment = ("shift",)
    config.train.steps = 14_000
    return config

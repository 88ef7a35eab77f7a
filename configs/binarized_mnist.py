r"""Kanerva++ on binarized MNIST (Larochelle): 3,168 memory floats for 32 images.

    python tools/train.py --config=configs/binarized_mnist.py \
        --workdir=runs/mnist --data_dir=DIR \
        --config.train.precision=mixed_bfloat16

14,000 steps of 256 images took 70 minutes on two cores of an AMD EPYC (Zen 4) that
other work shared; bfloat16 made a step 1.27 times as fast there. Test bound 13.37
nats/image.

Compare with bounds on the same fixed binarization only.
"""

from kpp_tf.config import default


def get_config():
    """Returns the config."""
    config = default()
    config.data.name = "binarized_mnist"
    config.data.augment = ("shift",)
    config.model.sharpness = 6.0
    config.train.steps = 14_000
    return config

r"""Kanerva++ on binarized MNIST (Larochelle): 3,168 memory floats for 32 images.

    python tools/train.py --config=configs/binarized_mnist.py \
        --workdir=runs/mnist --data_dir=DIR \
        --config.train.precision=mixed_bfloat16

Time: 1.3 hours on two cores of an AMD EPYC (Zen 5). The shipped weights had two runs
more from there, 4,000 steps at 2e-3 (0.3 hours) and 2,000 at 1.5e-3 (0.2 hours), in
which stored images have twice the weight:

    python tools/train.py --config=configs/binarized_mnist.py \
        --init_from=runs/mnist --config.train.steps=4000 \
        --config.train.kl_warmup_steps=0 --config.train.learning_rate=2e-3 \
        --config.train.stored_weight=2.0 --workdir=runs/mnist_2 --data_dir=DIR \
        --config.train.precision=mixed_bfloat16

Until the last run, stored frames explored within their block only.

Result: 17.75 nats stored, 87.83 unseen on test images. Compare with bounds on the same
fixed binarization only.
"""

import ml_collections

from kpp_tf.config import default, use_dense_and_convolutions


def get_config() -> ml_collections.ConfigDict:
    """The config."""
    config = default()
    config.data.name = "binarized_mnist"
    config.data.augment = ("nudge",)
    config.data.validation_split = "validation"
    use_dense_and_convolutions(config.model)
    config.train.steps = 16_000
    config.train.learning_rate = 2.5e-3
    config.train.kl_warmup_steps = 1_000
    config.train.stored_weight = 1.3
    config.train.checkpoint_every = 1_000
    return config

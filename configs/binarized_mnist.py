r"""Kanerva++ on binarized MNIST (Larochelle): 3,168 memory floats for 32 images.

    python tools/train.py --config=configs/binarized_mnist.py \
        --workdir=runs/mnist --data_dir=DIR \
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
    config.train.steps = 42_000
    config.train.learning_rate = 2e-3
    config.train.stored_weight = 1.3
    config.train.checkpoint_every = 1_000
    return config

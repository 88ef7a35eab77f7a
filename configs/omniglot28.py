r"""Kanerva++ on Omniglot, 28x28, binary: 3,168 memory floats for 32 images.

    python tools/train.py --config=configs/omniglot28.py \
        --workdir=runs/omniglot --data_dir=DIR \
        --config.train.precision=mixed_bfloat16

Alphabets of the test split are new; Burda's version is burda_omniglot.py.
"""

from kpp_tf.config import default


def get_config():
    """Returns the config."""
    config = default()
    config.data.name = "omniglot28"
    config.data.augment = ("shift", "flip")
    config.train.steps = 5_000
    return config

r"""Kanerva++ on Burda's Omniglot, 28x28, binarized afresh each time.

    python tools/train.py --config=configs/burda_omniglot.py \
        --workdir=runs/burda --data_dir=DIR

python tools/prepare_data.py --name=burda_omniglot --data_dir=DIR

prepares the data. Most published results on Omniglot are for this version of it.
"""

from kpp_tf.config import of_neighbour


def get_config():
    """Returns the config."""
    config = of_neighbour(__file__, "mnist")
    config.data.name = "burda_omniglot"
    config.train.steps = 8_000
    return config

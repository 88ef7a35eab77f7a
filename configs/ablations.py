r"""One thing changed at a time, on binarized MNIST: `configs/ablations.py:VARIANT`.

    python tools/train.py --config=configs/ablations.py:pooled \
        --workdir=runs/ablations/pooled --data_dir=DIR

trains one; `tools/ablations.py` trains them one after another. The variants are in
`kpp_tf/evaluation/ablations.py`.
"""

from kpp_tf.config import default, use_dense_networks
from kpp_tf.evaluation.ablations import VARIANTS


def get_config(variant: str = "base"):
    """Returns the config of a variant.

    Raises:
      ValueError: for an unknown one.
    """
    if variant not in VARIANTS:
        raise ValueError(
            f"The ablations are {', '.join(VARIANTS)}. Received: {variant!r}"
        )
    config = default()
    config.data.name = "binarized_mnist"
    config.data.augment = ("nudge",)
    use_dense_networks(config.model)
    config.model.update_from_flattened_dict(dict(VARIANTS[variant].overrides))
    return config

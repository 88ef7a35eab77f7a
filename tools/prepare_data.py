r"""Prepares a data set once, so that every later run reads it without a network.

  python tools/prepare_data.py --name=mnist --data_dir=$HOME/tensorflow_datasets

  # Burda's Omniglot from a chardata.mat that was fetched by hand.
  python tools/prepare_data.py --name=burda_omniglot --manual_dir=downloads

This is `tfds build` for the data sets that are used here. TFDS's own command needs
apache-beam and mlcroissant to start (`pip install apache-beam mlcroissant`).
Mazes are drawn instead: see make_mazes.py. Glyphs need no preparation.
"""

from absl import flags

from kpp_tf import cli

_NAMES = (
    "binarized_mnist",
    "mnist",
    "fashion_mnist",
    "omniglot",
    "burda_omniglot",
    "cifar10",
    "celeb_a",
    "downsampled_imagenet/32x32",
)
_NAME = flags.DEFINE_enum("name", None, _NAMES, "The data set.", required=True)
_DATA_DIR = cli.define_data_dir()
_MANUAL_DIR = flags.DEFINE_string(
    "manual_dir",
    None,
    "Folder with files that were downloaded by hand; default: downloads/manual in "
    "--data_dir.",
)


def main() -> None:
    """Downloads and prepares the data set."""
    cli.start_tensorflow()
    import tensorflow_datasets as tfds

    from kpp_tf.data import prepared
    from kpp_tf.data.burda_omniglot import burda_omniglot_dataset_builder

    root = prepared.data_root(_DATA_DIR.value)
    if _NAME.value == "burda_omniglot":
        builder = burda_omniglot_dataset_builder.Builder(data_dir=root)
    else:
        builder = tfds.builder(_NAME.value, data_dir=root)
    prepared.prepare(builder, _MANUAL_DIR.value)
    sizes = ", ".join(
        f"{split.num_examples:,} {name}"
        for name, split in sorted(builder.info.splits.items())  # in no order of its own
    )
    print(f"Wrote {builder.data_dir}: {sizes} images.")


if __name__ == "__main__":
    cli.run(main)

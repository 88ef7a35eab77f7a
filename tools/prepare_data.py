r"""Prepares a data set once, so that every later run reads it without a network.

  python tools/prepare_data.py --name=mnist --data_dir=$HOME/tensorflow_datasets

  # Burda's Omniglot from a chardata.mat that was downloaded by hand.
  python tools/prepare_data.py --name=burda_omniglot --manual_dir=downloads

  # Any other data set of TFDS, for --config.data.name=tfds:celeb_a.
  python tools/prepare_data.py --name=celeb_a

This is `tfds build` without apache-beam and mlcroissant, which TFDS's own command needs
to start. make_mazes.py makes the mazes; glyphs need no preparation.
"""

from absl import flags

from kpp_tf import cli
from kpp_tf.errors import UserError

_NAME = flags.DEFINE_string(
    "name",
    None,
    "binarized_mnist, mnist, fashion_mnist, cifar10, omniglot, burda_omniglot, or "
    "another data set of TFDS: NAME or NAME/CONFIG.",
    required=True,
)
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

    from kpp_tf.data import tfds_files
    from kpp_tf.data.burda_omniglot import burda_omniglot_dataset_builder

    root = tfds_files.data_root(_DATA_DIR.value)
    if _NAME.value == "burda_omniglot":
        builder = burda_omniglot_dataset_builder.Builder(data_dir=root)
    else:
        try:
            builder = tfds.builder(_NAME.value, data_dir=root)
        except (tfds.core.registered.DatasetNotFoundError, ValueError) as error:
            raise UserError(
                "TFDS has no such data set (https://www.tensorflow.org/datasets lists "
                f"all). Received: --name={_NAME.value}"
            ) from error
    tfds_files.prepare(builder, _MANUAL_DIR.value)
    sizes = ", ".join(
        f"{split.num_examples:,} {name}"
        for name, split in sorted(builder.info.splits.items())  # in no order of its own
    )
    print(f"Wrote {builder.data_dir}: {sizes} images.")


if __name__ == "__main__":
    cli.run(main)

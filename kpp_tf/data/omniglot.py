"""Omniglot at 28x28, of which there are two versions.

`omniglot28` is made here from TFDS's `omniglot` at 105x105. The share of ink in each
of 28x28 equal cells (3.75 pixels a side) is computed exactly, and a cell is ink if its
share reaches THRESHOLD. The usual split is kept: the 30 background alphabets are for
training, the 20 evaluation alphabets for testing. The last five background alphabets in
name order are held out as `validation`.

`burda_omniglot` is the version of Burda et al. (2016), on which most papers report. It
is grey, and alphabets appear in both of its splits.
"""

import numpy as np
import tensorflow as tf

from kpp_tf.data import tfds_files
from kpp_tf.data.image_table import WHITE_FROM, ImageTable
from kpp_tf.errors import UserError

THRESHOLD = 0.3
VALIDATION_ALPHABETS = range(25, 30)
# As many as earlier work holds out of Burda's 24,345; TFDS has shuffled them.
BURDA_HELD_OUT = 1345

_SOURCE_SIZE = 105
_SIZE = 28
_MOST_CHARACTERS = 64  # No alphabet has as many.


def load(split: str, data_dir: str | None) -> ImageTable:
    """Loads a split of `omniglot28`; see `registry.load_images`.

    Returns:
      A table of {0, 255} images [N, 28, 28, 1], ink 255, labelled by character
      (0-1622), with the group "alphabet" (0-49).
    """
    parts = split.split("+")
    # TFDS has train and test; ours are parts of them.
    tfds_splits = sorted({"test" if part == "test" else "train" for part in parts})
    arrays = tfds_files.read(
        tfds_files.find("omniglot", data_dir),
        "+".join(tfds_splits),
        ("image", "label", "alphabet"),
        transform=shrink,
    )
    held_out = np.isin(arrays["alphabet"], VALIDATION_ALPHABETS)
    background = arrays["alphabet"] < 30
    members = {
        "train": background & ~held_out,
        "validation": held_out,
        "test": ~background,
    }
    keep = np.any([members[part] for part in parts], axis=0)
    return ImageTable(
        images=arrays["image"][keep],
        labels=arrays["label"][keep].astype(np.int64),
        levels=2,
        name="omniglot28",
        split=split,
        groups={"alphabet": arrays["alphabet"][keep].astype(np.int64)},
    )


def load_burda(
    split: str, data_dir: str | None, held_out: int = BURDA_HELD_OUT
) -> ImageTable:
    """Loads a split of `burda_omniglot`; see `registry.load_images`.

    Returns:
      A table of grey images [N, 28, 28, 1], ink 255, labelled by character, with
      the group "alphabet" (0-49).
    """
    folder = tfds_files.find(
        "burda_omniglot",
        data_dir,
        how_to_get=(
            "Run: python tools/prepare_data.py --name=burda_omniglot "
            f"--data_dir={tfds_files.data_root(data_dir)} (without a network add "
            "--manual_dir=FOLDER, where FOLDER holds chardata.mat of "
            "https://github.com/yburda/iwae/tree/master/datasets/OMNIGLOT)."
        ),
    )
    of_tfds = {
        "train": f"train[:-{held_out}]",
        "validation": f"train[-{held_out}:]",
        "test": "test",
    }
    arrays = tfds_files.read(
        folder,
        "+".join(of_tfds[part] for part in split.split("+")),
        ("image", "alphabet", "character"),
    )
    alphabet = arrays["alphabet"].astype(np.int64)
    return ImageTable(
        images=arrays["image"],
        labels=alphabet * _MOST_CHARACTERS + arrays["character"],
        levels=256,
        name="burda_omniglot",
        split=split,
        groups={"alphabet": alphabet},
    )


def shrink(example: tfds_files.Example) -> tfds_files.Example:
    """An example of TFDS's `omniglot` with its image at 28x28, ink 255.

    Raises:
      UserError: if the image is not 105 x 105 x 3 pixels.
    """
    paper = example["image"]
    if paper.shape != (_SOURCE_SIZE, _SOURCE_SIZE, 3):
        raise UserError(
            f"Omniglot's images are {_SOURCE_SIZE} x {_SOURCE_SIZE} x 3 pixels. "
            f"Received: {paper.shape}"
        )
    ink = tf.cast(paper[..., 0] < WHITE_FROM, tf.float32)
    overlap = tf.constant(_overlap())
    # Whole numbers far below 2^24: exact in float32 on every machine.
    shares = tf.matmul(tf.matmul(overlap, ink), overlap, transpose_b=True)
    cell = (4 * _SOURCE_SIZE // _SIZE) ** 2
    image = tf.cast(shares >= THRESHOLD * cell, tf.uint8) * 255
    return {**example, "image": image[..., None]}


def _overlap() -> np.ndarray:
    """float32 [28, 105]: how many quarters of a pixel lie in each cell."""
    quarters = np.arange(4 * _SOURCE_SIZE)
    overlap = np.zeros((_SIZE, _SOURCE_SIZE), np.float32)
    np.add.at(overlap, (quarters * _SIZE // (4 * _SOURCE_SIZE), quarters // 4), 1.0)
    return overlap

"""Omniglot at 28x28, binary, from TFDS's `omniglot` at 105x105.

The share of ink in each of 28x28 equal cells (3.75 pixels a side) is computed
exactly, and a cell is ink if its share reaches THRESHOLD. The usual split is kept:
the 30 background alphabets are for training, the 20 evaluation alphabets for
testing. The last five background alphabets in name order are held out as
`validation`.

This is not the 28x28 version of Burda et al. (2016), which mixes alphabets between
its splits; see `burda_omniglot` for that.
"""

import numpy as np
import tensorflow as tf

from kpp_tf.data import prepared
from kpp_tf.data.table import ImageTable
from kpp_tf.errors import UserError

THRESHOLD = 0.3
VALIDATION_ALPHABETS = range(25, 30)

_SOURCE_SIZE = 105
_SIZE = 28


def load(split: str, data_dir: str | None) -> ImageTable:
    """Loads a split: see `sources.load_images`.

    Returns:
      A table of {0, 255} images [N, 28, 28, 1], ink 255, labelled by character
      (0-1622), with the group "alphabet" (0-49).
    """
    parts = split.split("+")
    # TFDS has train and test; ours are parts of them.
    tfds_splits = sorted({"test" if part == "test" else "train" for part in parts})
    arrays = prepared.read(
        prepared.find("omniglot", data_dir),
        "+".join(tfds_splits),
        ("image", "label", "alphabet"),
        transform=_shrink,
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


def _overlap() -> np.ndarray:
    """float32 [28, 105]: how many quarters of a pixel lie in each cell."""
    quarters = np.arange(4 * _SOURCE_SIZE)
    overlap = np.zeros((_SIZE, _SOURCE_SIZE), np.float32)
    np.add.at(overlap, (quarters * _SIZE // (4 * _SOURCE_SIZE), quarters // 4), 1.0)
    return overlap


def _shrink(example: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    paper = example["image"]
    if paper.shape != (_SOURCE_SIZE, _SOURCE_SIZE, 3):
        raise UserError(
            f"Omniglot's images are {_SOURCE_SIZE} x {_SOURCE_SIZE} x 3 pixels. "
            f"Received: {paper.shape}"
        )
    ink = tf.cast(paper[..., 0] < 128, tf.float32)
    overlap = tf.constant(_overlap())
    # Whole numbers far below 2^24: exact in float32 on every machine.
    shares = tf.matmul(tf.matmul(overlap, ink), overlap, transpose_b=True)
    cell = (4 * _SOURCE_SIZE // _SIZE) ** 2
    image = tf.cast(shares >= THRESHOLD * cell, tf.uint8) * 255
    return {**example, "image": image[..., None]}

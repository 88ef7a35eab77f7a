"""CelebA at 64x64, from TFDS's `celeb_a` at 218x178.

The central 148x148 pixels (rows 35-182, columns 15-162, which hold the aligned face)
are averaged over the area of each of 64x64 pixels.
"""

import tensorflow as tf

from kpp_tf.data import prepared
from kpp_tf.data.table import ImageTable

SIZE = 64
_CROP = 148


def load(split: str, data_dir: str | None) -> ImageTable:
    """Loads a split, see `sources.load_images`; decodes it once, which takes minutes.

    Returns:
      A table of images [N, 64, 64, 3], memory-mapped, without labels.
    """
    folder = prepared.find("celeb_a", data_dir)
    images = prepared.read_on_disk(
        folder,
        split,
        "image",
        (SIZE, SIZE, 3),
        name=f"celeb_a_{SIZE}",
        transform=_shrink,
    )
    return ImageTable(images, labels=None, levels=256, name="celeb_a", split=split)


def _shrink(example: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    image = tf.image.resize_with_crop_or_pad(example["image"], _CROP, _CROP)
    image = tf.image.resize(image, (SIZE, SIZE), "area")
    return {"image": tf.cast(tf.round(image), tf.uint8)}

"""ImageNet at 32x32 for density estimation, from one of three forms.

In this order, the first that is found under the folder of data sets is read:

1. `downsampled_imagenet/32x32/<version>`: prepared by TFDS.
2. `downloads/manual/imagenet32/train_32x32/*.png` and `.../valid_32x32/*.png`: the
   unpacked archives `train_32x32.tar` and `valid_32x32.tar` of van den Oord et al.
   (2016). TFDS reads the same images, but its address for them no longer answers.
3. `downloads/manual/imagenet32/train_data_batch_1.npz` to `..._10.npz` and
   `val_data.npz`: the release of Chrabaszcz et al. (2017), from image-net.org's
   download page. It was shrunk differently, and its bits/dim are lower: never
   compare the two.

The last 10,000 training images are held out as `validation`; the official validation
images are `test`, on which papers report.
"""

import pathlib
import zipfile

import numpy as np
import tensorflow as tf

from kpp_tf.data import cache, prepared
from kpp_tf.data.table import ImageTable
from kpp_tf.errors import UserError

SIZE = 32
HELD_OUT = 10_000
_TFDS_NAME = "downsampled_imagenet/32x32"
# Our split -> the part of the release and the images of it.
_PARTS = {
    "train": ("train", slice(None, -HELD_OUT)),
    "validation": ("train", slice(-HELD_OUT, None)),
    "test": ("validation", slice(None)),
}
_PNG_FOLDERS = {"train": "train_32x32", "validation": "valid_32x32"}
_NPZ_FILES = {"train": "train_data_batch_*.npz", "validation": "val_data.npz"}


def load(split: str, data_dir: str | None) -> ImageTable:
    """Loads a split; decodes it the first time, which takes minutes.

    Args:
      split: "train", "validation", "test" or "train+validation".
      data_dir: folder of prepared data sets, see `prepared.data_root`.

    Returns:
      A table of images [N, 32, 32, 3], memory-mapped, without labels.

    Raises:
      UserError: if no form of the data is there: says where to put it; if a file is
        damaged or the split is none of those above.
    """
    if split == "train+validation":
        part, images = "train", slice(None)
    elif split in _PARTS:
        part, images = _PARTS[split]
    else:
        raise UserError(
            "imagenet32 has the splits train, validation, test and train+validation. "
            f"Received: {split!r}"
        )
    return ImageTable(
        images=_part(part, data_dir)[images],
        labels=None,
        levels=256,
        name="imagenet32",
        split=split,
    )


def _part(part: str, data_dir: str | None) -> np.ndarray:
    """All images of the release's "train" or "validation" part."""
    root = prepared.data_root(data_dir)
    manual = root / "downloads" / "manual" / "imagenet32"
    pngs = sorted((manual / _PNG_FOLDERS[part]).glob("*.png"))
    npzs = sorted(manual.glob(_NPZ_FILES[part]), key=_batch_number)
    if (root / _TFDS_NAME).is_dir() or not (pngs or npzs):
        folder = prepared.find(
            _TFDS_NAME,
            data_dir,
            how_to_get=(
                "The address that TFDS downloads it from is reported broken. Unpack "
                "train_32x32.tar and valid_32x32.tar, or put the .npz files of "
                f"image-net.org's 32x32 release, into {manual}."
            ),
        )
        return prepared.read_on_disk(
            folder, part, "image", (SIZE, SIZE, 3), name="imagenet32"
        )
    read = _read_pngs if pngs else _read_npzs
    return cache.memory_mapped(
        manual,
        f"imagenet32_{part}",
        cache.version_of(pngs or npzs),
        (len(pngs) or sum(map(_npz_count, npzs)), SIZE, SIZE, 3),
        lambda array: read(pngs or npzs, array),
    )


def _read_pngs(paths: list[pathlib.Path], array: np.ndarray) -> None:
    def decode(path):
        image = tf.io.decode_png(tf.io.read_file(path), channels=3)
        return tf.ensure_shape(image, (SIZE, SIZE, 3))

    names = tf.data.Dataset.from_tensor_slices([str(path) for path in paths])
    images = names.map(decode, num_parallel_calls=tf.data.AUTOTUNE)
    done = 0
    try:
        for batch in images.batch(512).prefetch(2).as_numpy_iterator():
            array[done : done + len(batch)] = batch
            done += len(batch)
    except tf.errors.OpError as error:
        # The message does not say which of the batch's files it was.
        for path in paths[done:]:
            try:
                decode(str(path))
            except (tf.errors.OpError, ValueError) as reason:
                raise UserError(
                    f"{path} is not an RGB PNG of {SIZE} x {SIZE} pixels: {reason}"
                ) from error
        raise


def _batch_number(path: pathlib.Path) -> int:
    """7 of "train_data_batch_7.npz"; 0 where there is no number."""
    digits = path.stem.rpartition("_")[2]
    return int(digits) if digits.isdigit() else 0


def _npz_count(path: pathlib.Path) -> int:
    """Number of images in a .npz file, from its header alone."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open("data.npy") as file:
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise UserError(
            f"{path} is not a .npz file with an array 'data': {error}"
        ) from error
    if len(shape) != 2 or shape[1] != 3 * SIZE * SIZE or dtype != np.uint8:
        raise UserError(
            f"The array 'data' of {path} must be uint8 [N, {3 * SIZE * SIZE}]. "
            f"Received: {dtype} {shape}"
        )
    return shape[0]


def _read_npzs(paths: list[pathlib.Path], array: np.ndarray) -> None:
    done = 0
    for path in paths:
        with np.load(path, allow_pickle=False) as contents:
            rows = contents["data"]
        # Rows hold the red plane, then the green, then the blue one.
        images = rows.reshape(-1, 3, SIZE, SIZE).transpose(0, 2, 3, 1)
        array[done : done + len(images)] = images
        done += len(images)

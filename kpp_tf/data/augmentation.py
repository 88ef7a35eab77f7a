"""Augmentations of training images, stateless and cheap on a CPU.

Each is a function (images uint8 [T, H, W, C], seed int32 [2]) -> images, which draws
anew for every image of the episode.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from kpp_tf.data.table import ImageTable

MAX_NUDGE, MAX_SHIFT = 1, 2  # Pixels.
MAX_NOISE = 0.02  # Share of pixels.

Augmentation = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def nudge(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Moves each image by up to 1 whole pixel each way; zeros come in."""
    return _moved(images, seed, MAX_NUDGE)


def shift(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Moves each image by up to 2 whole pixels each way; zeros come in."""
    return _moved(images, seed, MAX_SHIFT)


def _moved(images, seed, reach: int) -> tf.Tensor:
    frames, height, width = images.shape[0], images.shape[1], images.shape[2]
    start = _integers([2, frames, 1], seed, 2 * reach + 1)
    border = [reach, reach]
    padded = tf.pad(images, [[0, 0], border, border, [0, 0]])
    moved = tf.gather(padded, start[0] + tf.range(height), axis=1, batch_dims=1)
    return tf.gather(moved, start[1] + tf.range(width), axis=2, batch_dims=1)


def flip(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """One of the square's eight symmetries: mirrored either way, and transposed."""
    choice = _integers([3, images.shape[0], 1, 1, 1], seed, 2) > 0
    images = tf.where(choice[0], tf.reverse(images, [1]), images)
    images = tf.where(choice[1], tf.reverse(images, [2]), images)
    return tf.where(choice[2], tf.transpose(images, [0, 2, 1, 3]), images)


def noise(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Inverts pixels of a binary image, a share of them drawn from U(0, 0.02)."""
    seeds = tf.random.split(seed, 2, alg="philox")
    rate = tf.random.stateless_uniform(
        [images.shape[0], 1, 1, 1], seeds[0], maxval=MAX_NOISE, alg="philox"
    )
    u = tf.random.stateless_uniform(images.shape, seeds[1], alg="philox")
    return tf.where(u < rate, tf.uint8.max - images, images)


_AUGMENTATIONS = {"nudge": nudge, "shift": shift, "flip": flip, "noise": noise}


def parse(augment: str | Sequence[str], table: ImageTable) -> Augmentation | None:
    """The augmentation that `config.data.augment` names.

    Args:
      augment: "none", a name, several joined by "+" ("shift+noise"), or a sequence
        of names. They are applied in that order.
      table: the images, which some augmentations make demands on.

    Returns:
      The augmentation, or None for "none".

    Raises:
      ValueError: if a name is unknown or does not suit the images.
    """
    names = augment.split("+") if isinstance(augment, str) else list(augment)
    if names in (["none"], []):
        return None
    unknown = [name for name in names if name not in _AUGMENTATIONS]
    if unknown:
        raise ValueError(
            f"config.data.augment knows 'none' and {sorted(_AUGMENTATIONS)}, joined "
            f"by '+'. Received: {augment!r}"
        )
    height, width, _ = table.image_shape
    if "flip" in names and height != width:
        raise ValueError(
            "The augmentation 'flip' transposes, which needs square images. "
            f"Received: images of {height} x {width} in {table.name!r}"
        )
    if "noise" in names and table.levels != 2:
        raise ValueError(
            "The augmentation 'noise' inverts pixels of binary images. "
            f"Received: {table.levels} levels in {table.name!r}"
        )

    def apply(images, seed):
        seeds = tf.random.split(seed, len(names), alg="philox")
        for number, name in enumerate(names):
            images = _AUGMENTATIONS[name](images, seeds[number])
        return images

    return apply


def _integers(shape, seed: tf.Tensor, count: int) -> tf.Tensor:
    """Uniform int32 in [0, count)."""
    return tf.random.stateless_uniform(shape, seed, 0, count, tf.int32, alg="philox")

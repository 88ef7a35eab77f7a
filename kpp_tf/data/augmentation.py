"""Augmentations of training images, stateless and cheap on a CPU.

Each is a function (images uint8 [T, H, W, C], seed int32 [2]) -> images, which draws
anew for every image of the episode, but for `class_flip`.
"""

import math
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from kpp_tf.data.table import ImageTable
from kpp_tf.errors import UserError

MAX_NUDGE, MAX_SHIFT = 1, 2  # Pixels.
MAX_NOISE = 0.02  # Share of pixels.
MAX_TURN = math.radians(10)
MAX_STRETCH = 0.1  # Of each side, and of the sides against each other.

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
    return _flipped(images, seed, images.shape[0])


def class_flip(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """One of the eight symmetries for the whole episode.

    With episodes of one class there are then eight classes for each: characters that
    are mirrored and turned are characters of another script.
    """
    return _flipped(images, seed, 1)


def _flipped(images, seed, choices: int) -> tf.Tensor:
    choice = _integers([3, choices, 1, 1, 1], seed, 2) > 0
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


def affine(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Turns by up to 10 degrees, slants, widens and heightens by up to a tenth.

    About the middle, bilinear; zeros come in. Where all images of the episode are black
    and white they stay so, ink from a half up.
    """
    u = tf.random.stateless_uniform([4, images.shape[0]], seed, -1.0, 1.0, alg="philox")
    turn, (slant, wide, high) = u[0] * MAX_TURN, tf.unstack(u[1:] * MAX_STRETCH)
    # x and y of the image that a pixel at (1, 0) and at (0, 1) from the middle shows.
    xx, yx = tf.cos(turn) * (1 + wide), tf.sin(turn) * (1 + wide)
    xy = (slant * tf.cos(turn) - tf.sin(turn)) * (1 + high)
    yy = (slant * tf.sin(turn) + tf.cos(turn)) * (1 + high)
    x, y = (images.shape[2] - 1) / 2, (images.shape[1] - 1) / 2
    zero = tf.zeros_like(turn)
    rows = [xx, xy, x - xx * x - xy * y, yx, yy, y - yx * x - yy * y, zero, zero]
    moved = keras.ops.image.affine_transform(
        tf.cast(images, tf.float32), tf.stack(rows, axis=1), data_format="channels_last"
    )
    binary = tf.reduce_all((images == 0) | (images == 255))
    moved = tf.where(binary, 255.0 * tf.cast(moved >= 127.5, tf.float32), moved)
    return tf.cast(tf.round(moved), tf.uint8)


_AUGMENTATIONS = {
    f.__name__: f for f in (nudge, shift, flip, class_flip, affine, noise)
}


def parse(augment: str | Sequence[str], table: ImageTable) -> Augmentation | None:
    """The augmentation that `config.data.augment` names.

    Args:
      augment: "none", a name, several joined by "+" ("shift+noise"), or a sequence
        of names. They are applied in that order.
      table: the images, which some augmentations make demands on.

    Returns:
      The augmentation, or None for "none".

    Raises:
      UserError: if a name is unknown or does not suit the images.
    """
    names = augment.split("+") if isinstance(augment, str) else list(augment)
    if names in (["none"], []):
        return None
    unknown = [name for name in names if name not in _AUGMENTATIONS]
    if unknown:
        raise UserError(
            f"config.data.augment knows 'none' and {sorted(_AUGMENTATIONS)}, joined "
            f"by '+'. Received: {augment!r}"
        )
    height, width, _ = table.image_shape
    if {"flip", "class_flip"} & set(names) and height != width:
        raise UserError(
            "The augmentations 'flip' and 'class_flip' transpose, which needs square "
            "images. "
            f"Received: images of {height} x {width} in {table.name!r}"
        )
    if "noise" in names and table.levels != 2:
        raise UserError(
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

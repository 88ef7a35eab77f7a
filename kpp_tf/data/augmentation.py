"""Augmentations of training images, stateless and cheap on a CPU.

Each is a function (images uint8 [T, H, W, C], seed int32 [2]) -> images. All draw anew
for every image of the episode, except `class_flip`, which draws once for the episode.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

from kpp_tf.data.image_table import ImageTable
from kpp_tf.errors import UserError

MAX_NUDGE, MAX_SHIFT = 1, 2  # Pixels.

Augmentation = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def nudge(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Moves each image by up to 1 whole pixel each way; zeros come in."""
    return _moved(images, seed, MAX_NUDGE)


def shift(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Moves each image by up to 2 whole pixels each way; zeros come in."""
    return _moved(images, seed, MAX_SHIFT)


def flip(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """One of the square's eight symmetries: mirrored either way, and transposed."""
    return _flipped(images, seed, tf.shape(images)[0])


def class_flip(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """One of the eight symmetries for the whole episode.

    With episodes of one class this makes eight classes of each: a character that is
    mirrored or turned is a character of another script.
    """
    return _flipped(images, seed, 1)


_AUGMENTATIONS = {f.__name__: f for f in (nudge, shift, flip, class_flip)}


def parse(augment: Sequence[str], table: ImageTable) -> Augmentation | None:
    """The augmentation that `config.data.augment` names.

    Args:
      augment: names, applied in that order.
      table: the images; the flips need square ones.

    Returns:
      The augmentation, or None if there are no names.

    Raises:
      UserError: if a name is unknown or does not suit the images.
    """
    names = tuple(augment)
    if set(names) - set(_AUGMENTATIONS):
        raise UserError(
            f"config.data.augment takes names of {sorted(_AUGMENTATIONS)}. "
            f"Received: {names}"
        )
    height, width, _ = table.image_shape
    if {"flip", "class_flip"} & set(names) and height != width:
        raise UserError(
            "The augmentations 'flip' and 'class_flip' transpose, which needs square "
            "images. "
            f"Received: images of {height} x {width} in {table.name!r}"
        )

    def apply(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        seeds = tf.random.split(seed, len(names), alg="philox")
        for number, name in enumerate(names):
            images = _AUGMENTATIONS[name](images, seeds[number])
        return images

    return apply if names else None


def _moved(images: tf.Tensor, seed: tf.Tensor, reach: int) -> tf.Tensor:
    height, width = images.shape[1], images.shape[2]
    start = _integers([2, tf.shape(images)[0], 1], seed, 2 * reach + 1)
    border = [reach, reach]
    padded = tf.pad(images, [[0, 0], border, border, [0, 0]])
    moved = tf.gather(padded, start[0] + tf.range(height), axis=1, batch_dims=1)
    return tf.gather(moved, start[1] + tf.range(width), axis=2, batch_dims=1)


def _flipped(images: tf.Tensor, seed: tf.Tensor, choices: int | tf.Tensor) -> tf.Tensor:
    choice = _integers([3, choices, 1, 1, 1], seed, 2) > 0
    images = tf.where(choice[0], tf.reverse(images, [1]), images)
    images = tf.where(choice[1], tf.reverse(images, [2]), images)
    return tf.where(choice[2], tf.transpose(images, [0, 2, 1, 3]), images)


def _integers(
    shape: Sequence[int | tf.Tensor], seed: tf.Tensor, count: int
) -> tf.Tensor:
    """Uniform int32 in [0, count)."""
    return tf.random.stateless_uniform(shape, seed, 0, count, tf.int32, alg="philox")

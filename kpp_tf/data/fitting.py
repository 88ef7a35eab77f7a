"""Any picture to the size, channels and levels that a model takes."""

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from kpp_tf.errors import UserError


def fit(images: tf.Tensor, image_shape: tuple[int, int, int]) -> tf.Tensor:
    """Crops the middle to the wanted aspect, resizes it, makes it grey or colour.

    Args:
      images: uint8 [..., H, W, C] of 1 to 4 channels, the second or the fourth alpha,
        which is dropped.
      image_shape: (H', W', C'), of 1 or 3 channels.

    Returns:
      uint8 [..., H', W', C'], each pixel an average over what it covers.
    """
    height, width, channels = image_shape
    images = images[..., : 1 if images.shape[-1] < 3 else 3]
    if images.shape[-1] > channels:
        images = tf.image.rgb_to_grayscale(images)
    if images.shape[-1] < channels:
        images = tf.image.grayscale_to_rgb(images)
    if tuple(images.shape[-3:-1]) == (height, width):
        return images
    images = keras.ops.image.resize(
        tf.cast(images, tf.float32),
        (height, width),
        antialias=True,
        crop_to_aspect_ratio=True,
        data_format="channels_last",
    )
    return tf.cast(tf.round(images), tf.uint8)


def is_enlarged(height: int, width: int, image_shape: tuple[int, int, int]) -> bool:
    """Whether `fit` makes more pixels of an image than it has."""
    return height < image_shape[0] or width < image_shape[1]


def warn_of_enlarged(
    where: object, count: int, total: int, image_shape: tuple[int, int, int]
) -> None:
    """Says how many images of a place `is_enlarged` is true of, if any."""
    if count:
        logging.warning(
            "%s: %d of %d images have fewer pixels than config.data.image_shape=%s and "
            "are enlarged",
            *(where, count, total, image_shape),
        )


def as_pictures(array: np.ndarray, where: str) -> np.ndarray:
    """An array of anybody's images as uint8 [N, H, W, C].

    Args:
      array: [N, H, W, C], [N, H, W] or, square and grey, [N, H * W]. Numbers up to 1
        are shares of white (so are booleans), others levels up to 255.
      where: what it is, for messages.

    Raises:
      UserError: for other shapes, types and ranges.
    """
    if array.dtype.kind not in "buif":
        raise UserError(f"{where} must hold numbers. Received: {array.dtype}")
    received = f"{array.dtype} {array.shape}"
    if array.ndim == 2:
        side = round(array.shape[1] ** 0.5)
        if side * side == array.shape[1]:
            array = array.reshape(-1, side, side)
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or not 1 <= array.shape[-1] <= 4 or 0 in array.shape:
        raise UserError(
            f"{where} must hold images as [N, H, W], as [N, H, W, C] with 1 to 4 "
            "channels last or, square and grey, as [N, H * W]. "
            f"Received: {received}"
        )
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= 255):  # not, so that a NaN is found
        raise UserError(
            f"Pixels of {where} must be shares in [0, 1] or levels in [0, 255]. "
            f"Received: from {low} to {high}"
        )
    if high <= 1:
        array = array * np.float32(255)
    return np.rint(array).astype(np.uint8) if array.dtype != np.uint8 else array

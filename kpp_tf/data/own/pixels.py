"""Pixels of any picture or array, as the uint8 images that a model takes."""

import math

import keras
import numpy as np
import tensorflow as tf

from kpp_tf.data.image_table import WHITE_FROM
from kpp_tf.data.own.options import AXES
from kpp_tf.errors import UserError

# What a resize or a division adds to a share of white; half a level does the same.
_OVERSHOOT = 1 / 128


def fit(
    images: tf.Tensor, image_shape: tuple[int, int, int], ground: int = 255
) -> tf.Tensor:
    """Lays alpha over a ground, crops the middle, resizes, makes it grey or colour.

    The same operations serve Python and the exported graph.

    Args:
      images: uint8 [..., H, W, C] of 1 to 4 channels, the second or the fourth alpha.
      image_shape: (H', W', C'), of 1 or 3 channels.
      ground: level that shows where an image is transparent.

    Returns:
      uint8 [..., H', W', C'], each pixel an average over what it covers.
    """
    height, width, channels = image_shape
    if images.shape[-1] in (2, 4):
        wide = tf.cast(images, tf.int32)
        colour, alpha = wide[..., :-1], wide[..., -1:]
        images = tf.cast(
            (colour * alpha + ground * (255 - alpha) + 127) // 255, "uint8"
        )
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


def levels(array: np.ndarray, white: float, where: str) -> np.ndarray:
    """Numbers as levels from black, 0, to white, 255.

    Args:
      array: of any shape.
      white: the number that is white. 0: 1 for booleans, for numbers that end at 1, and
        for shares that rounding moved past it; 255 for bytes, and for other numbers
        that end in its upper half; 65,535 for 16 bits that use the upper half.
      where: what it is, for messages.

    Returns:
      uint8, of the same shape.

    Raises:
      UserError: for other types, for a range that none of these explains, and for
        numbers outside [0, `white`].
    """
    if array.dtype.kind not in "buif":
        raise UserError(f"{where} must hold numbers. Received: {array.dtype}")
    low, high = array.min(), array.max()
    chosen = white or _white(array.dtype, high)
    spare = (_OVERSHOOT if chosen == 1 else 0.5) if array.dtype.kind == "f" else 0
    if not (chosen and -spare <= low and high <= chosen + spare):  # NaN fails it, too
        expected = f"from 0 to config.data.white={white:g}"
        if not white:
            expected = (
                "shares in [0, 1], levels in [0, 255] or 16 bits that are used; else "
                "config.data.white is the number that is white, such as 4095 of 12 bits"
            )
        raise UserError(
            f"Pixels of {where} must be {expected}. "
            f"Received: {array.dtype} from {low} to {high}"
        )
    if chosen == 255 and array.dtype == np.uint8:
        return array
    scaled = np.clip(array, 0, chosen) * np.float32(255 / chosen)
    return np.rint(scaled).astype(np.uint8)


def _white(dtype: np.dtype, high: float) -> int:
    """What is white by the type and the largest number; 0 where neither says."""
    if dtype.kind == "b" or high <= 1 + _OVERSHOOT * (dtype.kind == "f"):
        return 1
    if dtype == np.uint8 or WHITE_FROM <= high <= 255.5:
        return 255
    return 65535 if dtype == np.uint16 and high >= 2**15 else 0


def as_pictures(array: np.ndarray, axes: str, where: str) -> np.ndarray:
    """An array's axes in the order [N, H, W, C].

    Args:
      array: [N, H, W, C] of 1 to 4 channels, [N, H, W] or, square and grey, [N, H * W].
      axes: what each axis is, one of `AXES`; "" takes those, where the sizes leave no
        doubt.
      where: what it is, for messages.

    Raises:
      UserError: for other shapes, and where the first axis does not look like a count.
    """
    axes = axes or _axes(array.shape)
    side = math.isqrt(array.shape[-1]) if array.ndim else 0
    fits = len(axes) == array.ndim and 0 not in array.shape
    if not axes or not fits or (axes == "NP" and side**2 != array.shape[1]):
        raise UserError(
            f"{where} must hold images as [N, H, W], as [N, H, W, C] with 1 to 4 "
            "channels last or, square and grey, as [N, H * W], with more images than "
            "pixels a side. If it does, or has another order, set config.data.axes to "
            f"one of {AXES.get(array.ndim, AXES[4])}. "
            f"Received: {array.dtype} {array.shape}, axes={axes!r}"
        )
    if axes == "NP":
        axes, array = "NHW", array.reshape(-1, side, side)
    order = [axes.index(letter) for letter in "NHWC" if letter in axes]
    array = array.transpose(order)
    missing = [number for number, letter in enumerate("NHWC") if letter not in axes]
    array = np.expand_dims(array, tuple(missing))
    if not 1 <= array.shape[-1] <= 4:
        raise UserError(
            f"{where} must have 1 to 4 channels. Received: {array.shape}, axes={axes!r}"
        )
    return array


def _axes(shape: tuple[int, ...]) -> str:
    """The usual axes of a shape; "" where something else may be meant."""
    if 0 in shape:
        return ""
    if len(shape) == 4:
        return "NHWC" if shape[-1] <= 4 else ""
    if len(shape) == 3:
        # Height and width are more alike than a count and a height, as they are in
        # images last and in one image of several channels; 3 may be channels first.
        count, height, width = np.log(shape)
        plausible = abs(height - width) <= abs(count - height) and shape[0] != 3
        return "NHW" if plausible and shape[-1] > 4 else ""
    if len(shape) == 2:
        is_square = math.isqrt(shape[1]) ** 2 == shape[1]
        like_a_picture = shape[1] / 2 <= shape[0] <= shape[1] * 2
        return "NP" if is_square and not like_a_picture else ""
    return ""

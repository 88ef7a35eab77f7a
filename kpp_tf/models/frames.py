"""Checks of the frames of an episode, and functions of episodes without frames."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from kpp_tf.errors import UserError
from kpp_tf.layers.each_frame import padded_if_empty


def checked_frames(
    name: str, frames: tf.Tensor | None, episode: tf.Tensor
) -> tf.Tensor | None:
    """Returns flags of frames as float32 [B, T], or None where they are None.

    Args:
      name: `mask` or `written`, for messages.
      frames: one flag for each frame of `episode`.
      episode: [B, T, ...].

    Raises:
      UserError: unless they are [B, T] and (where values are known) 0 or 1.
    """
    if frames is None:
        return None
    frames = tf.cast(tf.convert_to_tensor(frames), tf.float32)
    expected = tf.TensorShape(tf.convert_to_tensor(episode).shape[:2])
    if frames.shape.rank != 2 or not frames.shape.is_compatible_with(expected):
        raise UserError(
            f"{name} must have one number a frame, shape [B, T] = {tuple(expected)}. "
            f"Received: shape {tuple(frames.shape)}"
        )
    if tf.executing_eagerly() and not tf.reduce_all((frames == 0) | (frames == 1)):
        raise UserError(
            f"{name} must hold 0 and 1 alone. Received: {np.unique(frames)[:5]}"
        )
    return frames


def any_length(
    function: Callable[..., tf.Tensor], frames: tf.Tensor, *masks: tf.Tensor | None
) -> tf.Tensor:
    """function(frames, *masks), also where T = 0: see `padded_if_empty`.

    Args:
      function: of frames and masks, its result [B, T, ...].
      frames: [B, T, ...].
      masks: [B, T] or None.
    """
    length = tf.shape(frames)[1]
    padded = [part if part is None else padded_if_empty(part, 1) for part in masks]
    return function(padded_if_empty(frames, 1), *padded)[:, :length]


def checked_count(num_samples: int | tf.Tensor) -> int | tf.Tensor:
    """Returns a number of samples; UserError if it is known and negative."""
    known = tf.get_static_value(tf.convert_to_tensor(num_samples))
    if known is not None and known < 0:
        raise UserError(f"num_samples must be 0 or more. Received: {num_samples}")
    return num_samples

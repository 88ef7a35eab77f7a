"""The basic block of ResNet-18, with a temporal shift on its residual branch."""

from typing import Any

import keras
import tensorflow as tf

from kpp_tf.layers.each_frame import each_frame
from kpp_tf.layers.temporal_shift import TemporalShift


def group_norm(
    channels: int, gamma: str = "ones", name: str | None = None
) -> keras.layers.GroupNormalization:
    """Group normalisation in at most 8 equal groups of 4 channels or more."""
    possible = [g for g in range(2, 9) if channels % g == 0 and channels // g >= 4]
    groups = max(possible, default=1)
    return keras.layers.GroupNormalization(
        groups, epsilon=1e-5, gamma_initializer=gamma, name=name
    )


@keras.saving.register_keras_serializable(package="kpp_tf")
class ResidualBlock(keras.layers.Layer):
    """out = relu(shortcut(x) + GN(conv(relu(GN(conv(shift(x))))))).

    The shift stands before the first convolution of the residual branch, so that the
    shortcut keeps each frame's own features ("residual shift" of the TSM paper). The
    last normalisation starts at zero: the block starts as its shortcut.

    Args:
      width: output channels.
      stride: of the first convolution; the shortcut then is a strided projection.
      shift: mode of the temporal shift; see `TemporalShift`.
    """

    def __init__(self, width: int, stride: int = 1, shift: str = "none", **kwargs: Any):
        super().__init__(**kwargs)
        self.width = width
        self.stride = stride
        self.shift = TemporalShift(shift, name="shift")
        conv = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
        self.first = keras.layers.Conv2D(width, 3, strides=stride, name="first", **conv)
        self.first_norm = group_norm(width, name="first_norm")
        self.second = keras.layers.Conv2D(width, 3, name="second", **conv)
        self.second_norm = group_norm(width, gamma="zeros", name="second_norm")
        self.projection: keras.layers.Layer | None = None

    def build(self, input_shape: tuple[Any, ...]) -> None:
        frames = (None, *input_shape[2:])
        self.first.build(frames)
        inner = self.first.compute_output_shape(frames)
        for layer in (self.first_norm, self.second, self.second_norm):
            layer.build(inner)
        if self.stride != 1 or input_shape[-1] != self.width:
            self.projection = keras.layers.Conv2D(
                self.width,
                self.stride,
                strides=self.stride,
                padding="same",
                dtype=self.dtype_policy,  # not the global one at build time
                name="projection",
            )
            self.projection.build(frames)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        *leading, height, width, _ = input_shape
        sides = (-(-side // self.stride) for side in (height, width))
        return (*leading, *sides, self.width)

    def call(
        self,
        features: tf.Tensor,
        written: tf.Tensor | None = None,
        carry: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Applies the block.

        Args:
          features: [B, T, h, w, channels].
          written: see `TemporalShift`.
          carry: see `TemporalShift`.

        Returns:
          [B, T, ceil(h / stride), ceil(w / stride), width].
        """
        shifted = self.shift(features, written=written, carry=carry)
        branch = each_frame(self._branch, shifted)
        if self.projection is not None:
            features = each_frame(self.projection, features)
        return tf.nn.relu(features + branch)

    def _branch(self, frames: tf.Tensor) -> tf.Tensor:
        inner = tf.nn.relu(self.first_norm(self.first(frames)))
        return self.second_norm(self.second(inner))

"""A residual block without normalisation, for decoders."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="kpp_tf")
class PreactivationBlock(keras.layers.Layer):
    """out = x + conv(relu(conv(relu(x)))).

    x passes unchanged, so that recalled features reach the pixels as they were stored;
    normalisation or a relu between the blocks would lose part of them
    (docs/experiments.md, "Colour"). The last convolution starts at zero: the block
    starts as the identity.

    Reference: He et al., "Identity Mappings in Deep Residual Networks", ECCV 2016.

    Args:
      width: channels of input and output.
    """

    def __init__(self, width: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.width = width
        conv = {"kernel_size": 3, "padding": "same"}
        self.first = keras.layers.Conv2D(
            width, kernel_initializer="he_normal", name="first", **conv
        )
        # Without a bias: TensorFlow's graph optimiser fails at a convolution, a bias
        # and a sum that is used twice, and then fuses nothing.
        self.second = keras.layers.Conv2D(
            width, kernel_initializer="zeros", use_bias=False, name="second", **conv
        )

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.first.build(input_shape)
        self.second.build(input_shape)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return input_shape

    def call(self, frames: tf.Tensor) -> tf.Tensor:
        """Applies the block: [N, h, w, width] to the same shape."""
        inner = self.first(tf.nn.relu(frames))
        return frames + self.second(tf.nn.relu(inner))

"""p(X|Z) by dense layers, from a vector to all pixels of an image."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from kpp_tf.layers.convolutional_decoder import ConvolutionalDecoder


@keras.saving.register_keras_serializable(package="kpp_tf")
class DenseDecoder(keras.layers.Layer):
    """Residual dense layers, and a linear one to all pixels.

        h_1 = silu(W_1 code),   h_{n+1} = h_n + silu(W_{n+1} h_n),
        pixels = W h_N + c(h_N)

    with c a `ConvolutionalDecoder` or nothing. Dense layers learn to store images
    faster; convolutions draw unseen strokes better (docs/experiments.md compares them,
    and both). The weights grow with the number of pixels: use `ConvolutionalDecoder`
    alone for larger images.

    Args:
      image_shape: (H, W, C) of the images.
      num_parameters: likelihood parameters of a pixel.
      hidden: units of each layer h.
      layers: N, at least 1.
      convolutions: arguments of c, which starts at 0; None for none.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        num_parameters: int,
        hidden: int,
        layers: int,
        convolutions: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if layers < 1:
            raise ValueError(f"layers must be at least 1. Received: {layers}")
        self.image_shape = tuple(image_shape)
        self.num_parameters = num_parameters
        self.hidden_size = hidden
        self.hidden = [
            keras.layers.Dense(hidden, activation="silu", name=f"hidden{layer}")
            for layer in range(layers)
        ]
        self.head = keras.layers.Dense(
            math.prod(self.image_shape[:2]) * num_parameters, name="head"
        )
        self.convolutions: ConvolutionalDecoder | None = None
        if convolutions:
            self.convolutions = ConvolutionalDecoder(
                image_shape, num_parameters, **convolutions, name="convolutions"
            )
            self.convolutions.head.kernel_initializer = keras.initializers.Zeros()

    def build(self, input_shape: tuple[Any, ...]) -> None:
        features = (*input_shape[:-1], self.hidden_size)
        self.hidden[0].build(input_shape)
        for layer in (*self.hidden[1:], self.head):
            layer.build(features)
        if self.convolutions is not None:
            self.convolutions.build(features)

    def call(self, code: tf.Tensor) -> tf.Tensor:
        """Decodes.

        Args:
          code: [B, T, F], one code an image.

        Returns:
          float32 [B, T, H, W, num_parameters].
        """
        features = self.hidden[0](code)
        for layer in self.hidden[1:]:
            features += layer(features)
        batch, length = tf.unstack(tf.shape(code)[:2])
        shape = [batch, length, *self.image_shape[:2], self.num_parameters]
        pixels = tf.reshape(tf.cast(self.head(features), tf.float32), shape)
        if self.convolutions is not None:
            pixels += self.convolutions(features)
        return pixels

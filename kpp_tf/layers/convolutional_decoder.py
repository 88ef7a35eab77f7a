"""p(X|Z): from a vector to the parameters of an image's likelihood."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from kpp_tf.layers.preactivation_block import PreactivationBlock


@keras.saving.register_keras_serializable(package="kpp_tf")
class ConvolutionalDecoder(keras.layers.Layer):
    """A small start, residual blocks and sub-pixel upsampling.

    The start is a dense layer for codes that are vectors, a convolution for codes that
    are maps of latents.

    Stage s works at 1 / (`head_stride` * 2^(stages - 1 - s)) of the image's resolution;
    between stages `depth_to_space` doubles it, and the head makes `head_stride`^2
    pixels of each position. Most arithmetic thus runs at low resolution: for 28x28
    images with one stage and a head stride of 4, on a 7x7 grid.

    Args:
      image_shape: (H, W, C) of the images.
      num_parameters: likelihood parameters of a pixel.
      widths: channels of each stage, coarse to fine.
      blocks: residual blocks of each stage.
      head_stride: pixels along a side that the head makes of one position.
      hidden: units of a dense layer before the start; 0 for none, as for maps.
      code_side: 1 for codes that are vectors; P for maps of P x P in reading order,
        which must be the start's resolution.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        num_parameters: int,
        widths: Sequence[int],
        blocks: Sequence[int],
        head_stride: int,
        hidden: int,
        code_side: int = 1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if len(widths) != len(blocks):
            raise ValueError(
                "widths and blocks must name the same number of stages. "
                f"Received: widths={tuple(widths)}, blocks={tuple(blocks)}"
            )
        self.image_shape = tuple(image_shape)
        self.widths = tuple(widths)
        self.blocks = tuple(blocks)
        self.head_stride = head_stride
        self.hidden_size = hidden
        self.code_side = code_side
        reduction = head_stride * 2 ** (len(widths) - 1)
        height, width = self.image_shape[:2]
        if height % reduction or width % reduction:
            raise ValueError(
                "head_stride * 2^(stages - 1) must divide the image's sides. "
                f"Received: {reduction} for image_shape={self.image_shape}"
            )
        self.start_shape = (height // reduction, width // reduction, self.widths[0])
        if code_side > 1 and (hidden or self.start_shape[:2] != (code_side,) * 2):
            raise ValueError(
                "a decoder of maps starts at their resolution, without a hidden layer. "
                f"Received: code_side={code_side}, hidden={hidden}, for a start of "
                f"{self.start_shape[0]} x {self.start_shape[1]}"
            )
        self.hidden = None
        if hidden:
            self.hidden = keras.layers.Dense(hidden, activation="relu", name="hidden")
        if code_side == 1:
            self.start = keras.layers.Dense(math.prod(self.start_shape), name="start")
        else:
            self.start = keras.layers.Conv2D(
                self.widths[0], 3, padding="same", name="start"
            )
        # One flat list: Keras 3.12 leaves layers in lists of lists out of its files.
        self.residual_blocks = [
            PreactivationBlock(width, name=f"stage{stage}_block{block}")
            for stage, (width, count) in enumerate(zip(widths, blocks, strict=True))
            for block in range(count)
        ]
        self.up = [
            keras.layers.Conv2D(4 * width, 3, padding="same", name=f"up{stage}")
            for stage, width in enumerate(self.widths[1:])
        ]
        self.head = keras.layers.Conv2D(
            head_stride**2 * num_parameters, 3, padding="same", name="head"
        )

    def build(self, input_shape: tuple[Any, ...]) -> None:
        code = input_shape
        if self.hidden is not None:
            self.hidden.build(code)
            code = (*code[:-1], self.hidden_size)
        self.start.build(code if self.code_side == 1 else self._map_shape(code))
        height, width, channels = self.start_shape
        for stage, blocks in enumerate(self._stages()):
            if stage:
                self.up[stage - 1].build((None, height, width, channels))
                height, width, channels = 2 * height, 2 * width, self.widths[stage]
            for block in blocks:
                block.build((None, height, width, channels))
        self.head.build((None, height, width, channels))

    def call(self, code: tf.Tensor) -> tf.Tensor:
        """Decodes.

        Args:
          code: [B, T, F], one code an image; F = P*P*C for maps.

        Returns:
          float32 [B, T, H, W, num_parameters].
        """
        features = code if self.hidden is None else self.hidden(code)
        batch, length = tf.unstack(tf.shape(code)[:2])
        if self.code_side > 1:
            features = tf.reshape(
                features, [batch * length, *self._map_shape(code.shape)[1:]]
            )
        frames = tf.reshape(self.start(features), [-1, *self.start_shape])
        for stage, blocks in enumerate(self._stages()):
            if stage:
                frames = tf.nn.depth_to_space(self.up[stage - 1](frames), 2)
            for block in blocks:
                frames = block(frames)
        pixels = self.head(frames)
        if self.head_stride > 1:
            pixels = tf.nn.depth_to_space(pixels, self.head_stride)
        shape = [batch, length, *pixels.shape[1:]]
        return tf.cast(tf.reshape(pixels, shape), tf.float32)

    def _map_shape(self, code: tuple[Any, ...]) -> tuple[Any, ...]:
        side = self.code_side
        return (None, side, side, code[-1] // side**2)

    def _stages(self) -> list[list[PreactivationBlock]]:
        rest = iter(self.residual_blocks)
        return [list(itertools.islice(rest, count)) for count in self.blocks]

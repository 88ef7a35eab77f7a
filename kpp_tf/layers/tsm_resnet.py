"""The episode encoder f_enc: a ResNet whose frames exchange channels."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from kpp_tf.layers.each_frame import each_frame
from kpp_tf.layers.residual_block import ResidualBlock, group_norm


@keras.saving.register_keras_serializable(package="kpp_tf")
class TSMResNet(keras.layers.Layer):
    """Temporal-shift ResNet with group normalisation; ResNet-18 by its default depth.

    Every stage but the first halves the resolution. With 28x28 images, a stem of stride
    4 and widths (64, 128, 256) the stages see 7x7, 4x4 and 2x2 features; with 64x64
    images and a stem of stride 4 they see 16x16, 8x8, 4x4 and so on.

    Group normalisation, not batch normalisation: an embedding must not depend on the
    other episodes of its batch.

    Args:
      widths: channels of each stage.
      blocks: residual blocks of each stage; ResNet-18 has two in each of four stages.
      stem_stride: stride (and kernel size, but at least 3) of the first convolution.
      shift: mode of the temporal shifts; see `TemporalShift`.
      embedding_size: features of the embedding E of one frame.
      embedding_side: 1 flattens the last features into one vector a frame; P > 1 keeps
        them as a map of P x P, which they must be.
      linear: whether to add a linear function W x of the pixels to E, so that E also
        keeps what normalisation and strides lose. Each cell of a map sees its own
        part of the image, a P-th of each side.
    """

    def __init__(
        self,
        widths: Sequence[int] = (64, 128, 256, 512),
        blocks: Sequence[int] = (2, 2, 2, 2),
        stem_stride: int = 2,
        shift: str = "causal",
        embedding_size: int = 512,
        embedding_side: int = 1,
        linear: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if len(widths) != len(blocks):
            raise ValueError(
                "widths and blocks must name the same number of stages. "
                f"Received: widths={tuple(widths)}, blocks={tuple(blocks)}"
            )
        self.shift = shift
        self.embedding_side = embedding_side
        self.stem = keras.layers.Conv2D(
            widths[0],
            max(3, stem_stride),
            strides=stem_stride,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name="stem",
        )
        self.stem_norm = group_norm(widths[0], name="stem_norm")
        self.stages = [
            ResidualBlock(
                width,
                stride=2 if stage and not block else 1,
                shift=shift,
                name=f"stage{stage}_block{block}",
            )
            for stage, (width, count) in enumerate(zip(widths, blocks, strict=True))
            for block in range(count)
        ]
        self.flatten = keras.layers.Flatten(name="flatten")
        self.embed = keras.layers.Dense(embedding_size, name="embed")
        self.linear: keras.layers.Dense | None = None
        if linear:
            self.linear = keras.layers.Dense(
                embedding_size, use_bias=False, name="linear"
            )

    def build(self, input_shape: tuple[Any, ...]) -> None:
        frames = (None, *input_shape[2:])
        self.stem.build(frames)
        frames = self.stem.compute_output_shape(frames)
        self.stem_norm.build(frames)
        features = (*input_shape[:2], *frames[1:])
        self.carry_shapes = []
        for block in self.stages:
            self.carry_shapes.append((*features[2:4], block.shift.moved(features[-1])))
            block.build(features)
            features = block.compute_output_shape(features)
        side = self.embedding_side
        if side == 1:
            self.embed.build((None, math.prod(features[2:])))
        elif features[2:4] == (side, side):
            self.embed.build((None, *features[2:]))
        else:
            raise ValueError(
                f"the last features must be {side} x {side}, as in embedding_side; "
                "change the stem's stride or the stages. Received: "
                f"{features[2]} x {features[3]}"
            )
        if self.linear is not None:
            height, width = input_shape[2:4]
            if side > 1 and (height != width or height % side):
                raise ValueError(
                    "linear=True with a map needs square images that its side divides. "
                    f"Received: {height} x {width} and side={side}"
                )
            self.linear.build((None, math.prod(input_shape[2:]) // side**2))

    @property
    def carry_size(self) -> int:
        """Numbers that the shifts hand on to the next frame."""
        return sum(math.prod(shape) for shape in self.carry_shapes)

    def call(self, episode: tf.Tensor, written: tf.Tensor | None = None) -> tf.Tensor:
        """The embeddings E of an episode; see `encode`."""
        return self.encode(episode, written)[0]

    def encode(
        self,
        episode: tf.Tensor,
        written: tf.Tensor | None = None,
        carry: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Encodes an episode, or the next part of one.

        Args:
          episode: [B, T, H, W, C] images in [0, 1].
          written: [B, T], 1 for a frame that other frames may see; None: all. A frame
            that is not written reaches its own embedding alone.
          carry: [B, `carry_size`] of the part before this one; None at the start.

        Returns:
          (embeddings, carry): E [B, T, embedding_size], or [B, T, side, side,
          embedding_size] where `embedding_side` exceeds 1; and the numbers that the
          shifts hand on to the next frames, float32 [B, carry_size].
        """
        batch = tf.shape(episode)[0]
        features = each_frame(self._stem, episode)
        carries = [None] * len(self.stages)
        if carry is not None:
            carries = tf.split(carry, [math.prod(s) for s in self.carry_shapes], axis=1)
            carries = [
                tf.reshape(part, [batch, *shape])
                for part, shape in zip(carries, self.carry_shapes, strict=True)
            ]
        handed_on = []
        for block, part in zip(self.stages, carries, strict=True):
            last = block.shift.handed_on(features, written, part)
            size = math.prod(last.shape[1:])
            handed_on.append(tf.reshape(tf.cast(last, tf.float32), [batch, size]))
            features = block(features, written=written, carry=part)
        embeddings = each_frame(self._embedding, features)
        if self.linear is not None:
            parts = each_frame(self._parts, episode)
            embeddings += each_frame(self.linear, parts)
        return embeddings, tf.concat(handed_on, axis=1)

    def _stem(self, frames: tf.Tensor) -> tf.Tensor:
        return tf.nn.relu(self.stem_norm(self.stem(_centred(frames))))

    def _parts(self, frames: tf.Tensor) -> tf.Tensor:
        """The pixels that each cell of the map sees, in one row."""
        frames = _centred(frames)
        if self.embedding_side == 1:
            return self.flatten(frames)
        return tf.nn.space_to_depth(frames, frames.shape[1] // self.embedding_side)

    def _embedding(self, frames: tf.Tensor) -> tf.Tensor:
        return self.embed(self.flatten(frames) if self.embedding_side == 1 else frames)


def _centred(frames: tf.Tensor) -> tf.Tensor:
    """Moves pixels from [0, 1] to [-1, 1], as the initialisers expect."""
    return 2.0 * frames - 1.0

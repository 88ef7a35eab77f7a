"""The episode encoder f_enc: a ResNet whose frames talk through temporal shifts."""

import math
from collections.abc import Sequence

import keras
import tensorflow as tf

from kpp_tf.layers.residual_block import ResidualBlock, group_norm


@keras.saving.register_keras_serializable(package="kpp_tf")
class TSMResNet(keras.layers.Layer):
    """Temporal-shift ResNet with group normalisation; ResNet-18 by its default depth.

    Every stage but the first halves the resolution. With 28x28 images, a stem of stride
    4 and widths (64, 128, 256) the stages see 7x7, 4x4 and 2x2 features; with 64x64
    images and a stem of stride 4 they see 16x16, 8x8, 4x4 and so on.

    Group normalisation, not batch normalisation: what a frame becomes must not depend
    on the other episodes of its batch.

    Args:
      widths: channels of each stage.
      blocks: residual blocks of each stage; ResNet-18 has two in each of four stages.
      stem_stride: stride (and kernel size, but at least 3) of the first convolution.
      shift: mode of the temporal shifts; see `TemporalShift`.
      embedding_size: features of the embedding E of one frame.
    """

    def __init__(
        self,
        widths: Sequence[int] = (64, 128, 256, 512),
        blocks: Sequence[int] = (2, 2, 2, 2),
        stem_stride: int = 2,
        shift: str = "bidirectional",
        embedding_size: int = 512,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if len(widths) != len(blocks):
            raise ValueError(
                "widths and blocks must name the same number of stages. "
                f"Received: widths={tuple(widths)}, blocks={tuple(blocks)}"
            )
        self.widths = tuple(widths)
        self.blocks = tuple(blocks)
        self.stem_stride = stem_stride
        self.shift = shift
        self.embedding_size = embedding_size
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

    def build(self, input_shape):
        frames = (None, *input_shape[2:])
        self.stem.build(frames)
        frames = self.stem.compute_output_shape(frames)
        self.stem_norm.build(frames)
        features = (*input_shape[:2], *frames[1:])
        for block in self.stages:
            block.build(features)
            features = block.compute_output_shape(features)
        self.embed.build((None, math.prod(features[2:])))
        self.built = True

    def call(
        self, episode: tf.Tensor, frame_mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Encodes an episode.

        Args:
          episode: [B, T, H, W, C] images in [0, 1].
          frame_mask: [B, T], 1 for a real frame and 0 for padding.

        Returns:
          embeddings E: [B, T, embedding_size].
        """
        batch, length = tf.unstack(tf.shape(episode)[:2])
        frames = tf.reshape(episode, [-1, *episode.shape[2:]])
        # Centred at zero, as the initialisers expect.
        frames = tf.nn.relu(self.stem_norm(self.stem(2.0 * frames - 1.0)))
        features = tf.reshape(frames, [batch, length, *frames.shape[1:]])
        for block in self.stages:
            features = block(features, frame_mask=frame_mask)
        frames = tf.reshape(features, [-1, *features.shape[2:]])
        embeddings = self.embed(self.flatten(frames))
        return tf.reshape(embeddings, [batch, length, self.embedding_size])

    def get_config(self):
        return {
            **super().get_config(),
            "widths": self.widths,
            "blocks": self.blocks,
            "stem_stride": self.stem_stride,
            "shift": self.shift,
            "embedding_size": self.embedding_size,
        }

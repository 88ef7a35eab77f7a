"""The windows that q(Y|X) reads: regions of the unit cube of keys, frame by frame."""

import math
from typing import Any

import keras
import tensorflow as tf

from kpp_tf.layers.block_memory.allocator import block_centres
from kpp_tf.layers.block_memory.reader import WindowReader, normal_quantile
from kpp_tf.models.kanerva_plus_plus.keys import Region


@keras.saving.register_keras_serializable(package="kpp_tf")
class Windows(keras.layers.Layer):
    """The regions in which the keys of frames are drawn.

    A frame in the memory is *recalled*: the finest window, anywhere within its block
    where that window touches no other. An unseen frame reads *around*: how wide, and
    how far from the place of its content, is learned from its embedding and from how
    full the memory is. It starts with all of the memory.

    Args:
      reader: whose windows these are.
      blocks_per_frame: K.
      tails: whether the key posterior has tails (a Gaussian's). The region of a
        recalled key is then learned, because it has to stay clear of its neighbours.
    """

    def __init__(
        self, reader: WindowReader, blocks_per_frame: int, tails: bool, **kwargs: Any
    ):
        super().__init__(autocast=False, **kwargs)
        self.reader = reader
        self.blocks_per_frame = blocks_per_frame
        self.tails = tails
        # Scale: centre, half-width. Place: half-widths along x and y.
        self.head = keras.layers.Dense(
            4 * blocks_per_frame,
            kernel_initializer="zeros",
            dtype="float32",
            name="head",
        )

    def build(
        self, features_shape: Any, fullness_shape: Any = None, places_shape: Any = None
    ) -> None:
        """Builds for features; see `call`."""
        del fullness_shape, places_shape
        self.head.build((*features_shape[:-1], features_shape[-1] + 1))
        if self.tails:
            self.recall_width = self.add_weight(
                shape=(3,),
                initializer=keras.initializers.Constant(-1.5),
                autocast=False,  # within a model of mixed precision, too
                name="recall_width",
            )
        self.built = True

    def slot_keys(self) -> tf.Tensor:
        """Keys at the blocks' centres, at the finest scale: float32 [G*G, 3]."""
        centres = tf.constant(block_centres(self.reader.grid))
        scale = tf.fill([centres.shape[0], 1], self.reader.low / 2)
        return normal_quantile(tf.concat([scale, centres], axis=-1))

    def recall(self, blocks: tf.Tensor) -> Region:
        """Regions of the keys that read blocks int32 [B, T, K]."""
        centres = tf.constant(block_centres(self.reader.grid))
        place = tf.gather(centres, tf.maximum(blocks, 0))
        low, grid = self.reader.low, self.reader.grid
        scale = tf.fill(tf.shape(place[..., :1]), low / 2)
        if self.tails:
            width = tf.nn.softplus(tf.convert_to_tensor(self.recall_width))
            half_width = width * tf.constant([1.0, 1 / grid, 1 / grid])
        else:
            flat = (1 - self.reader.finest) / 2 / grid
            half_width = tf.constant([low / 2, flat, flat])
        centre = tf.concat([scale, place], axis=-1)
        return Region(centre, tf.broadcast_to(half_width, tf.shape(centre)))

    def call(
        self, features: tf.Tensor, fullness: tf.Tensor, places: tf.Tensor
    ) -> Region:
        """Regions around the places of unseen frames.

        Args:
          features: of the frames, float32 [B, T, E].
          fullness: share of the memory that is written, float32 [B, T].
          places: where the frames belong, float32 [B, T, K, 2].
        """
        raw = self.head(tf.concat([features, fullness[..., tf.newaxis]], axis=-1))
        batch, length = tf.unstack(tf.shape(features)[:2])
        raw = tf.reshape(raw, [batch, length, self.blocks_per_frame, 4])
        end = (1 - self.reader.high) / 2  # half of the scales that read all
        scale = tf.sigmoid(raw[..., :1] + math.log((1 - end) / end))
        start = tf.constant([math.log(math.expm1(h)) for h in (end, 0.5, 0.5)])
        half_width = tf.nn.softplus(raw[..., 1:] + start)
        return Region(tf.concat([scale, places], axis=-1), half_width)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "reader": keras.saving.serialize_keras_object(self.reader),
            "blocks_per_frame": self.blocks_per_frame,
            "tails": self.tails,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Windows":
        """Makes the layer of a config."""
        reader = keras.saving.deserialize_keras_object(config["reader"])
        return cls(**{**config, "reader": reader})

"""Which windows q(Y|X) reads: regions of the unit cube of keys, frame by frame."""

from __future__ import annotations

import math

import keras
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.layers.block_memory.allocator import block_centres
from kpp_tf.layers.block_memory.reader import WindowReader, normal_quantile
from kpp_tf.models.kanerva_plus_plus.keys import Region
from kpp_tf.noise import Stream


@keras.saving.register_keras_serializable(package="kpp_tf")
class Windows(keras.layers.Layer):
    """The regions in which the keys of frames are drawn.

    A frame that the memory holds is *recalled*: the finest window, anywhere within its
    block where that window touches no other. One that it does not hold *looks around*:
    how wide, and how far from where its content belongs, is learned from its embedding
    and from how full the memory is. It starts with all of the memory. Or it looks at
    the block whose content is *nearest* to its own. In training some of either
    *explore* windows of random widths: what the memory holds those of up to a block,
    about its own, what it does not hold those of a block and more. So a window comes to
    mean the image in it up to there, and something of its kind beyond.

    Args:
      reader: whose windows these are.
      blocks_per_frame: K.
      tails: whether the key posterior has tails (a Gaussian's): a recalled key's
        region is then learned, as it has to stay clear of the neighbours.
      explored: share of the frames, held or not, that explore in training.
      near: share of the frames that were not written which in training look at the
        nearest block; where it is 0 no frame ever does.
    """

    def __init__(
        self,
        reader: WindowReader,
        blocks_per_frame: int,
        tails: bool,
        explored: float = 0.0,
        near: float = 0.0,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.reader = reader
        self.blocks_per_frame = blocks_per_frame
        self.tails = tails
        self.explored = explored
        self.near_share = near
        # Scale: centre, half-width. Place: half-widths along x and y.
        self.head = keras.layers.Dense(
            4 * blocks_per_frame,
            kernel_initializer="zeros",
            dtype="float32",
            name="head",
        )

    def build(self, features_shape, fullness_shape=None):
        del fullness_shape
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
        place = tf.gather(
            tf.constant(block_centres(self.reader.grid)), tf.maximum(blocks, 0)
        )
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

    def near(self, blocks: tf.Tensor) -> Region:
        """Regions of the keys that read blocks [B, T, K] as something like the frame.

        They read a block alone, as a recall does, by windows a quarter to half of the
        way, in ln w, from the finest to a block: what is read is the same, and the
        scale says that it is not the frame itself.
        """
        reader = self.reader
        widths = [reader.finest**0.75, reader.finest**0.5]
        breadth = reader.breadth(reader.scale_of(tf.constant(widths)))
        low, high = tf.unstack(reader.low + (reader.high - reader.low) * breadth)
        place = tf.gather(tf.constant(block_centres(reader.grid)), blocks)
        scale = tf.fill(tf.shape(place[..., :1]), (low + high) / 2)
        flat = (1 - widths[1]) / 2 / reader.grid
        centre = tf.concat([scale, place], axis=-1)
        half_width = tf.stack([(high - low) / 2, flat, flat])
        return Region(centre, tf.broadcast_to(half_width, tf.shape(centre)))

    def call(
        self, features: tf.Tensor, fullness: tf.Tensor, places: tf.Tensor
    ) -> Region:
        """Regions in which frames look around that the memory does not hold.

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

    def looks(
        self,
        features: tf.Tensor,
        fullness: tf.Tensor,
        places: tf.Tensor,
        nearest: tf.Tensor,
    ) -> list[Region]:
        """Where frames may look that are not held: around, and near what is like them.

        Args:
          features: of the frames, float32 [B, T, E].
          fullness: float32 [B, T or 1]; where nothing is held, nothing is near.
          places: which frames name, [B, T, K, 2].
          nearest: int32 [B, T, K], blocks that hold what is nearest to them.

        Returns:
          One region, or two where `near` is not 0.
        """
        fullness = tf.broadcast_to(fullness, tf.shape(features)[:2])
        around = self(features, fullness, tf.stop_gradient(places))
        if not self.near_share:
            return [around]
        empty = fullness[..., tf.newaxis, tf.newaxis] == 0
        return [around, around.where(empty, self.near(nearest))]

    def practised_recall(self, blocks: tf.Tensor, seeds: tf.Tensor) -> Region:
        """Where frames that are held in blocks [B, T, K] read in training.

        Some explore windows of up to a block, with their middle anywhere in theirs.

        Args:
          blocks: int32 [B, T, K].
          seeds: int32 [B, 2].
        """
        region = self.recall(blocks)
        if not self.explored:
            return region
        chosen, scale = self._exploring(
            region, noise.fold_in(seeds, 1), self.reader.finest, 1.0
        )
        # Over its edge, too: else what lies between two blocks is no image at all.
        within = tf.fill(tf.shape(scale), 0.5 / self.reader.grid)
        return self._about(region, scale, within).where(chosen, region)

    def practised_look(self, looks: list[Region], seeds: tf.Tensor) -> Region:
        """Where frames look in training: at any of `looks`, or they explore.

        Args:
          looks: what `looks` returned.
          seeds: int32 [B, 2].
        """
        region, *near = looks
        if near:
            shape = tuple(tf.unstack(tf.shape(region.centre)[1:3]))
            others = noise.fold_in(seeds, 2)
            chosen = noise.uniform(others, shape, Stream.EXPLORED)[..., tf.newaxis]
            region = near[0].where(chosen < self.near_share, region)
        if not self.explored:
            return region
        everything = 2.0 * self.reader.grid
        chosen, scale = self._exploring(region, seeds, 1.0, everything)
        near = self.reader.widths(normal_quantile(scale)) / 2 / self.reader.grid
        return self._about(region, scale, near).where(chosen, region)

    def _exploring(self, region, seeds, narrowest, widest):
        """Which keys explore, and scales for them: [B, T, K, 1] each.

        Their widths are even in the logarithm between two, in blocks.
        """
        shape = tuple(tf.unstack(tf.shape(region.centre)[1:3]))
        drawn = noise.uniform(seeds, (*shape, 2), Stream.EXPLORED)
        reader = self.reader
        first, last = (
            reader.breadth(reader.scale_of(tf.constant(width)))
            for width in (narrowest, widest)
        )
        breadth = first + (last - first) * drawn[..., 1:]
        scale = reader.low + (reader.high - reader.low) * breadth
        return drawn[..., :1] < self.explored, scale

    def _about(self, region, scale, half_width):
        """Keys of a scale, within `half_width` of where those of a region belong."""
        # Little, so that a width is what it says.
        narrow = tf.fill(tf.shape(scale), (self.reader.high - self.reader.low) / 100)
        return Region(
            tf.concat([scale, region.centre[..., 1:]], axis=-1),
            tf.concat([narrow, half_width, half_width], axis=-1),
        )

    def get_config(self):
        return {
            **super().get_config(),
            "reader": keras.saving.serialize_keras_object(self.reader),
            "blocks_per_frame": self.blocks_per_frame,
            "tails": self.tails,
            "explored": self.explored,
            "near": self.near_share,
        }

    @classmethod
    def from_config(cls, config):
        config = {**config}
        config["reader"] = keras.saving.deserialize_keras_object(config["reader"])
        return cls(**config)

"""Frames that read the block most like them (`model.near`).

An unseen frame by default reads a wide window. Where frames follow each other, as in a
walk, the nearest block says more than the mean of many. In training a share of the
unseen frames reads it; when frames are scored, the cheaper window counts.
"""

import tensorflow as tf

from kpp_tf import noise
from kpp_tf.layers.block_memory.allocator import block_centres
from kpp_tf.layers.block_memory.reader import WindowReader
from kpp_tf.models.kanerva_plus_plus.keys import Region
from kpp_tf.noise import Stream


def nearest_region(reader: WindowReader, blocks: tf.Tensor) -> Region:
    """The region whose keys read blocks int32 [B, T, K] as something like the frame.

    A window reads the block alone, as in recall. Its width lies a quarter to half of
    the way, in ln w, from the finest to a block. What is read is the same; the scale
    says that it is not the frame itself.
    """
    widths = [reader.finest**0.75, reader.finest**0.5]
    breadth = reader.breadth(reader.scale_of(tf.constant(widths)))
    low, high = tf.unstack(reader.low + (reader.high - reader.low) * breadth)
    place = tf.gather(tf.constant(block_centres(reader.grid)), blocks)
    scale = tf.fill(tf.shape(place[..., :1]), (low + high) / 2)
    flat = (1 - widths[1]) / 2 / reader.grid
    centre = tf.concat([scale, place], axis=-1)
    half_width = tf.stack([(high - low) / 2, flat, flat])
    return Region(centre, tf.broadcast_to(half_width, tf.shape(centre)))


def one_of(regions: list[Region], share: float, seeds: tf.Tensor) -> Region:
    """The first region, or for a random share of the frames the second if there is one.

    Args:
      regions: [around] or [around, nearest]; see `Regions.of_unseen`.
      share: of the frames that take the second.
      seeds: int32 [B, 2].
    """
    region, *others = regions
    for other in others:
        shape = tuple(tf.unstack(tf.shape(region.centre)[1:3]))
        own = noise.fold_in(seeds, 2)
        drawn = noise.uniform(own, shape, Stream.EXPLORED)[..., tf.newaxis]
        region = other.where(drawn < share, region)
    return region

"""Frames that explore: windows of random widths in training (`model.explored`).

Frames in the memory draw widths up to one block around their own block; others draw one
block or more around the place where their content belongs. So a window means its image
up to the width of a block, and something of its kind beyond.
"""

import tensorflow as tf

from kpp_tf import noise
from kpp_tf.layers.block_memory.reader import WindowReader, normal_quantile
from kpp_tf.models.kanerva_plus_plus.keys import Region
from kpp_tf.noise import Stream


def explore_held(
    reader: WindowReader, region: Region, share: float, seeds: tf.Tensor
) -> Region:
    """Lets a share of the frames in the memory explore, up to the width of a block.

    Args:
      reader: of the memory.
      region: of recall, [B, T, K, 3].
      share: probability that a key explores.
      seeds: int32 [B, 2].
    """
    if not share:
        return region
    chosen, scale = _draw(
        reader, region, share, noise.fold_in(seeds, 1), reader.finest, 1.0
    )
    # Up to the edges of the block: what lies between two blocks is to be an image too.
    within = tf.fill(tf.shape(scale), 0.5 / reader.grid)
    return _around(reader, region, scale, within).where(chosen, region)


def explore_unseen(
    reader: WindowReader, region: Region, share: float, seeds: tf.Tensor
) -> Region:
    """Lets a share of the unseen frames explore, from one block to all of the memory.

    Args:
      reader: of the memory.
      region: centred where the frames belong, [B, T, K, 3].
      share: probability that a key explores.
      seeds: int32 [B, 2].
    """
    if not share:
        return region
    chosen, scale = _draw(reader, region, share, seeds, 1.0, 2.0 * reader.grid)
    within = reader.widths(normal_quantile(scale)) / 2 / reader.grid
    return _around(reader, region, scale, within).where(chosen, region)


def _draw(
    reader: WindowReader,
    region: Region,
    share: float,
    seeds: tf.Tensor,
    narrowest: float,
    widest: float,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Which keys explore, and their scales: [B, T, K, 1] each.

    ln w is uniform between two widths, in blocks.
    """
    shape = tuple(tf.unstack(tf.shape(region.centre)[1:3]))
    drawn = noise.uniform(seeds, (*shape, 2), Stream.EXPLORED)
    first, last = (
        reader.breadth(reader.scale_of(tf.constant(width)))
        for width in (narrowest, widest)
    )
    breadth = first + (last - first) * drawn[..., 1:]
    scale = reader.low + (reader.high - reader.low) * breadth
    return drawn[..., :1] < share, scale


def _around(
    reader: WindowReader, region: Region, scale: tf.Tensor, half_width: tf.Tensor
) -> Region:
    """Keys of one scale, within `half_width` of a region's centre."""
    # Narrow in scale, so that a window has the width that was drawn.
    narrow = tf.fill(tf.shape(scale), (reader.high - reader.low) / 100)
    return Region(
        tf.concat([scale, region.centre[..., 1:]], axis=-1),
        tf.concat([narrow, half_width, half_width], axis=-1),
    )

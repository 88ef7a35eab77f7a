"""The allocator: which block of the memory each frame is written to."""

import numpy as np
import tensorflow as tf


def block_centres(grid: int) -> np.ndarray:
    """Places of the centres of G x G blocks, row by row: float32 [G*G, 2] of (x, y)."""
    along = (np.arange(grid) + 0.5) / grid
    rows, columns = np.meshgrid(along, along, indexing="ij")
    return np.stack([columns.ravel(), rows.ravel()], axis=-1).astype(np.float32)


def allocate(
    places: tf.Tensor, written: tf.Tensor, free: tf.Tensor, grid: int
) -> tf.Tensor:
    """Gives each written frame, in turn, the free block that is nearest to its place.

    Where no block is free, the frame takes the nearest of all, and what was there is
    gone: a full memory forgets what resembles the new the most.

    Args:
      places: float32 [B, T, 2] of (x, y) in (0, 1), where each frame wants to lie.
      written: [B, T], 1 for a frame that is written.
      free: float32 [B, G*G], 1 for a block that nobody has taken before.
      grid: G.

    Returns:
      int32 [B, T]: the number of the block each frame was given; -1 where not written.
    """
    # One more frame, that is not written: no loop is then without a turn.
    places = tf.pad(places, [[0, 0], [0, 1], [0, 0]])
    written = tf.pad(tf.cast(written, tf.float32), [[0, 0], [0, 1]])
    centres = tf.constant(block_centres(grid))
    distance = tf.reduce_sum((places[:, :, tf.newaxis] - centres) ** 2, axis=-1)
    length = tf.shape(places)[1]

    def give(frame, free, given):
        # Any free block is nearer than any taken one: distances are at most 2.
        cost = distance[:, frame] + 4.0 * (1.0 - free)
        block = tf.argmin(cost, axis=-1, output_type=tf.int32)
        takes = written[:, frame]
        taken = tf.one_hot(block, grid * grid) * takes[:, tf.newaxis]
        block = tf.where(takes > 0, block, -1)
        return frame + 1, free * (1.0 - taken), given.write(frame, block)

    given = tf.TensorArray(tf.int32, size=length, element_shape=places.shape[:1])
    _, _, given = tf.while_loop(
        lambda frame, *_: frame < length,
        give,
        (0, tf.cast(free, tf.float32), given),
        shape_invariants=(
            tf.TensorShape([]),
            tf.TensorShape([None, grid * grid]),
            tf.TensorShape(None),
        ),
    )
    given = tf.reshape(given.stack(), [length, tf.shape(places)[0]])
    return tf.transpose(given)[:, :-1]


def holds(blocks: tf.Tensor, after: tf.Tensor) -> tf.Tensor:
    """Which frames the memory holds when only the first n have been written.

    Args:
      blocks: int32 [B, T], of `allocate`.
      after: int32 [N], the numbers n.

    Returns:
      float32 [B, N, T]: 0 for a frame that is not written, or whose block was given to
      a later one.
    """
    frames = tf.range(tf.shape(blocks)[1])
    same = blocks[:, :, tf.newaxis] == blocks[:, tf.newaxis]
    later = same & (frames > frames[:, tf.newaxis])
    # The frame that takes this one's block next.
    following = tf.reduce_min(tf.where(later, frames, tf.int32.max), axis=-1)
    written = (blocks >= 0)[:, tf.newaxis] & (frames < after[:, tf.newaxis])
    return tf.cast(
        written & (following[:, tf.newaxis] >= after[:, tf.newaxis]), tf.float32
    )

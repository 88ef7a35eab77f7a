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

    Where no block is free, the frame takes the nearest of all and overwrites it: a full
    memory forgets what resembles the new image most.

    Args:
      places: float32 [B, T, 2] of (x, y) in (0, 1), where each frame wants to lie.
      written: [B, T], 1 for a frame that is written.
      free: float32 [B, G*G], 1 for a block that nobody has taken before.
      grid: G.

    Returns:
      int32 [B, T]: the number of the block that each frame takes; -1 if not written.
    """
    # Pad with one frame that is not written, so that the loop runs at least once.
    places = tf.pad(places, [[0, 0], [0, 1], [0, 0]])
    written = tf.pad(tf.cast(written, tf.float32), [[0, 0], [0, 1]])
    centres = tf.constant(block_centres(grid))
    distance = tf.reduce_sum((places[:, :, tf.newaxis] - centres) ** 2, axis=-1)
    length = tf.shape(places)[1]

    def give(
        frame: tf.Tensor, free: tf.Tensor, given: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
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


class NearestFree:
    """`allocate` for one memory and any number of frames, one after the other.

    It looks at the blocks in a square around a place, and doubles the square until the
    nearest free one must lie in it.

    Args:
      free: bool [G*G].
      grid: G.
    """

    def __init__(self, free: np.ndarray, grid: int):
        self.grid = grid
        self.free = np.array(free, bool).reshape(grid, grid)
        self.count = int(self.free.sum())
        self.along = block_centres(grid)[:grid, 0]

    def take(self, place: np.ndarray) -> int:
        """Takes the free block nearest to a place, or the nearest of all if none is.

        Args:
          place: float32 [2] of (x, y) in (0, 1).

        Returns:
          The number of the block.
        """
        grid = self.grid
        column, row = (min(int(p * grid), grid - 1) for p in place)
        along_x = (place[0] - self.along) ** 2
        along_y = (place[1] - self.along) ** 2
        radius = 1
        while True:
            top, left = max(row - radius, 0), max(column - radius, 0)
            rows = slice(top, row + radius + 1)
            columns = slice(left, column + radius + 1)
            distance = along_x[columns] + along_y[rows, np.newaxis]
            cost = distance + np.float32(4)  # as in `allocate`, to the last digit
            if self.count:
                cost = np.where(self.free[rows, columns], distance, np.inf)
            nearest = int(np.argmin(cost))
            reached = distance.flat[nearest] if np.isfinite(cost.flat[nearest]) else 2.0
            # Blocks outside the square are more than `radius` blocks away.
            if reached < (radius / grid) ** 2 or radius >= grid:
                break
            radius *= 2
        down, right = divmod(nearest, distance.shape[1])
        found = top + down, left + right
        self.count -= int(self.free[found])
        self.free[found] = False
        return found[0] * grid + found[1]


def holds(blocks: tf.Tensor, after: tf.Tensor) -> tf.Tensor:
    """Which frames the memory holds when only the first n have been written.

    Args:
      blocks: int32 [B, T], of `allocate`.
      after: int32 [N], the numbers n.

    Returns:
      float32 [B, N, T]: 0 for a frame that is not written, or whose block a later frame
      took.
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

"""The spatial transformer f_ST: reads windows of the memory at keys in R^3."""

import math
from typing import Any

import keras
import tensorflow as tf


def normal_cdf(y: tf.Tensor) -> tf.Tensor:
    """Phi(y) to 1.8e-4, as a logistic function of a cubic.

        Phi(y) ~ 1 / (1 + exp(-(1.5976 y + 0.070566 y^3)))

    TFLite has no error function; this uses its builtins alone. The error is below a
    five-thousandth of the memory's width. The same function is used wherever keys are,
    so no bound depends on it.

    Reference: Page, "Approximations to the cumulative normal function and its inverse
    for use on a pocket calculator", Applied Statistics 26 (1977).
    """
    return tf.sigmoid(y * (1.5976 + 0.070566 * y * y))


def normal_quantile(u: tf.Tensor) -> tf.Tensor:
    """The exact inverse of `normal_cdf`, for u in (0, 1).

    The real root of 0.070566 y^3 + 1.5976 y = ln(u / (1 - u)), by Viete's hyperbolic
    form: y = 2 r sinh(asinh(q) / 3), r = sqrt(p / 3), q = logit / (2 b r^3), with
    b = 0.070566 and p = 1.5976 / b.
    """
    r = math.sqrt(1.5976 / 0.070566 / 3)
    q = (tf.math.log(u) - tf.math.log(1.0 - u)) / (2 * 0.070566 * r**3)
    # sinh and asinh are no builtins of TFLite.
    third = tf.math.log(tf.abs(q) + tf.sqrt(q * q + 1.0)) / 3
    return tf.sign(q) * r * (tf.exp(third) - tf.exp(-third))


def window_weights(places: tf.Tensor, widths: tf.Tensor, size: int) -> tf.Tensor:
    """Weights with which a window averages blocks along one axis.

    The window is w wide and centred at p = size * place - 1/2, in blocks, where
    the centre of block i is at i:

        weight_i = clip(1/2 + w/2 - |p - i|, 0, min(1, w)) / w.

    It is the share of the window that overlaps block i: linear interpolation at w = 1,
    flat near the centres below that, the average of the blocks inside above it. The
    weights sum to 1 where the window lies inside.

    Args:
      places: float32 [...], in (0, 1).
      widths: float32 [...], w > 0.
      size: blocks along the axis.

    Returns:
      float32 [..., size].
    """
    widths = widths[..., tf.newaxis]
    centre = size * places[..., tf.newaxis] - 0.5
    distance = tf.abs(centre - tf.range(size, dtype=tf.float32))
    overlap = tf.maximum(0.5 + 0.5 * widths - distance, 0.0)
    return tf.minimum(overlap, tf.minimum(widths, 1.0)) / widths


@keras.saving.register_keras_serializable(package="kpp_tf")
class WindowReader(keras.layers.Layer):
    """f_ST: averages the memory's blocks over a window, weighted by coverage.

    The memory is a grid of G x G blocks of P x P cells. A key (s, x, y) names a window
    of w(s) x w(s) blocks, centred at (Phi(x), Phi(y)), shares of the memory's sides:

        block   = area(w, M * coverage) / area(w, coverage)
        covered = area(w, coverage)                                         in [0, 1]

    where area(w, .) averages over the window cell by cell: cell (i, j) of the block
    read is the average of the cells (i, j) of the blocks in the window. So a block is
    read as it was written wherever the window touches no other, and a wide window reads
    the mean of the blocks in it. What is not written, or outside the memory, has no
    coverage and no weight; where nothing is covered the block is 0.

    The width is the meaning of the scale:

        w(s) = finest * (2G / finest)^t,   t = clip((Phi(s) - low) / (high - low), 0, 1)

    from `finest`, which reads one block, to 2G, which reads the mean of all from
    anywhere. Under the prior N(0, 1) the finest has probability `low`, the whole
    memory 1 - `high`, and in between log w is even.

    A classic spatial transformer would space the block's pixels w cells apart, and show
    a mosaic of parts of many images; see docs/design.md.

    Args:
      grid: G, blocks along a side.
      block_size: P, cells along a side of a block.
      finest: smallest width, in blocks; a key may move by (1 - finest) / 2 blocks from
        a block's centre without reading another.
      low, high: shares of the scale's prior, 0 < low < high < 1.
    """

    def __init__(
        self,
        grid: int,
        block_size: int,
        finest: float,
        low: float,
        high: float,
        **kwargs: Any,
    ):
        # Keys and memory keep float32 under mixed precision: bfloat16 has 8 bits,
        # which would move a key by a good part of a block.
        super().__init__(autocast=False, **kwargs)
        if grid < 1 or block_size < 1:
            raise ValueError(
                "a memory has at least one block of one cell. Received: "
                f"grid={grid}, block_size={block_size}"
            )
        if not 0 < finest < 1:
            raise ValueError(f"finest must lie in (0, 1). Received: {finest}")
        if not 0 < low < high < 1:
            raise ValueError(
                "the scale's shares must be 0 < low < high < 1. Received: "
                f"{low}, {high}"
            )
        self.grid = grid
        self.block_size = block_size
        self.finest = finest
        self.low = low
        self.high = high

    def widths(self, scales: tf.Tensor) -> tf.Tensor:
        """w(s), in blocks, of scale keys s: float32 [...] to [...]."""
        return self.finest * tf.exp(self._log_span * self.breadth(scales))

    def breadth(self, scales: tf.Tensor) -> tf.Tensor:
        """t(s): 0 for the finest window, 1 for all of the memory; [...] to [...]."""
        share = (normal_cdf(scales) - self.low) / (self.high - self.low)
        return tf.clip_by_value(share, 0.0, 1.0)

    def scale_of(self, widths: tf.Tensor) -> tf.Tensor:
        """A scale key whose window has that width; inverse of `widths` inside its ends.

        At the ends it is the median of all that read so.
        """
        share = tf.math.log(tf.cast(widths, tf.float32) / self.finest) / self._log_span
        share = tf.clip_by_value(share, 0.0, 1.0)
        inside = self.low + share * (self.high - self.low)
        end = tf.where(share > 0.5, (1 + self.high) / 2, self.low / 2)
        at_end = (share < 1e-6) | (share > 1 - 1e-6)
        return normal_quantile(tf.where(at_end, end, inside))

    def places(self, coordinates: tf.Tensor) -> tf.Tensor:
        """Where keys (x, y) point, as shares of the memory's sides, in (0, 1)."""
        return normal_cdf(coordinates)

    @property
    def _log_span(self) -> float:
        return math.log(2 * self.grid / self.finest)

    def weights_at(self, keys: tf.Tensor) -> tf.Tensor:
        """Share of each block in each window: keys [B, ..., 3] to [B, N, G*G].

        N is the product of the dimensions between. Sums to 1 over the last axis where
        the window lies inside the memory.
        """
        keys = tf.cast(keys, tf.float32)
        widths = self.widths(keys[..., 0])
        columns = window_weights(self.places(keys[..., 1]), widths, self.grid)
        rows = window_weights(self.places(keys[..., 2]), widths, self.grid)
        batch, side = tf.shape(keys)[0], self.grid
        rows = tf.reshape(rows, [batch, -1, side, 1])
        columns = tf.reshape(columns, [batch, -1, 1, side])
        count = tf.shape(rows)[1]
        return tf.reshape(rows * columns, [batch, count, side * side])

    def call(
        self, cells: tf.Tensor, coverage: tf.Tensor, keys: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Reads.

        Args:
          cells: M, float32 [B, S, S, D] with S = G P.
          coverage: float32 [B, S, S] in [0, 1].
          keys: [B, T, K, 3]: scale, x (columns), y (rows).

        Returns:
          (blocks, covered): float32 [B, T, K, P, P, D] and [B, T, K, P, P].
        """
        values = self.as_blocks(cells * coverage[..., tf.newaxis])
        covers = self.as_blocks(coverage[..., tf.newaxis])
        return self.averaged(self.weights_at(keys), values, covers, tf.shape(keys))

    def averaged(
        self,
        weights: tf.Tensor,
        values: tf.Tensor,
        covers: tf.Tensor,
        keys_shape: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """`call` for N windows over R blocks with given weights.

        Args:
          weights: [B, N, R].
          values: [B, R, P*P*D], M * coverage.
          covers: [B, R, P*P], coverage.
          keys_shape: that of the N keys, [B, T, K, 3].
        """
        size = self.block_size
        depth = values.shape[-1] // size**2
        covered = tf.matmul(weights, covers)
        # Where nothing is covered the total is 0 too. Of rank 4 until the end: TFLite
        # slices no higher ranks than 5.
        divisor = tf.where(covered > 0, covered, tf.ones_like(covered))
        count = tf.unstack(tf.shape(covered)[:2])
        total = tf.reshape(tf.matmul(weights, values), [*count, size**2, depth])
        blocks = total / divisor[..., tf.newaxis]
        known = [None, None, None, size, size]
        shape = tf.concat([keys_shape[:-1], [size, size]], axis=0)
        covered = tf.reshape(tf.minimum(covered, 1.0), shape)
        blocks = tf.reshape(blocks, tf.concat([shape, [depth]], axis=0))
        return tf.ensure_shape(blocks, [*known, depth]), tf.ensure_shape(covered, known)

    def as_blocks(self, cells: tf.Tensor) -> tf.Tensor:
        """[B, S, S, D] to the blocks in reading order, [B, G*G, P*P*D]."""
        if self.block_size > 1:
            cells = tf.nn.space_to_depth(cells, self.block_size)
        return tf.reshape(cells, [-1, self.grid**2, cells.shape[-1]])

    def as_cells(self, blocks: tf.Tensor) -> tf.Tensor:
        """The inverse of `as_blocks`."""
        cells = tf.reshape(blocks, [-1, self.grid, self.grid, blocks.shape[-1]])
        if self.block_size > 1:
            cells = tf.nn.depth_to_space(cells, self.block_size)
        return cells

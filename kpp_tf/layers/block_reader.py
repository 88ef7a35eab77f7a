"""The spatial transformer that reads blocks of the memory at keys in R^3."""

import keras
import tensorflow as tf


def normal_cdf(y: tf.Tensor) -> tf.Tensor:
    """Phi(y) to 1.8e-4, as a logistic function of a cubic.

        Phi(y) ~ 1 / (1 + exp(-(1.5976 y + 0.070566 y^3)))

    The error function is no builtin of TFLite; this is made of builtins. Its error is
    under a five-thousandth of the memory's width, and it is the same function wherever
    keys are used, so no bound depends on it.

    Reference: Page, "Approximations to the cumulative normal function and its inverse
    for use on a pocket calculator", Applied Statistics 26 (1977).
    """
    return tf.sigmoid(y * (1.5976 + 0.070566 * y * y))


def block_weights(
    keys: tf.Tensor,
    memory_size: int,
    block_size: int,
    sharpness: float = 1.0,
    scale_gain: float = 0.25,
) -> tf.Tensor:
    """Weights with which each pixel of each block mixes the memory's cells.

    A key (s, x, y) maps the block's grid to the memory by an axis-aligned affine map.
    In cells, for the grid points g = -(P-1)/2 ... (P-1)/2 and either axis:

        position = S * Phi(x) - 1/2 + exp(scale_gain * s) * g

    clamped to [0, S-1]: what lies outside the memory reads its nearest border cell.
    Through Phi the prior N(0, I) covers the memory uniformly, border cells included.
    The weight of cell i is, with a = `sharpness`,

        w_i = clip(1/2 + a * (1/2 - |position - i|), 0, 1),

    and the weight of a cell of the plane is the product over both axes. a = 1 is
    bilinear sampling. a > 1 flattens it near the cells' centres and makes it steeper
    half-way between: the weights still sum to 1, but a key may move by (1 - 1/a) / 2
    cells without reading a neighbour, so that it can be named with fewer nats.

    Args:
      keys: float32 [B, ..., 3]: scale, x (columns), y (rows).
      memory_size: S, cells along a side.
      block_size: P, pixels along a side of a block.
      sharpness: a >= 1.
      scale_gain: log of the block's magnification at scale key 1.

    Returns:
      float32 [B, ..., P, P, S, S]; sums to 1 over the last two axes.
    """
    steps = tf.range(block_size, dtype=tf.float32) - (block_size - 1) / 2
    magnified = tf.exp(scale_gain * keys[..., :1]) * steps
    cells = tf.range(memory_size, dtype=tf.float32)

    def along(coordinate):
        position = memory_size * normal_cdf(coordinate)[..., None] - 0.5 + magnified
        position = tf.clip_by_value(position, 0.0, memory_size - 1.0)
        distance = tf.abs(position[..., None] - cells)
        return tf.clip_by_value(0.5 + sharpness * (0.5 - distance), 0.0, 1.0)

    # The product has rank 5, whatever the keys' rank: TFLite slices no higher ones.
    size, side = block_size, memory_size
    columns = tf.reshape(along(keys[..., 1]), [-1, 1, size, 1, side])
    rows = tf.reshape(along(keys[..., 2]), [-1, size, 1, side, 1])
    block = [size, size, side, side]
    weights = tf.reshape(
        rows * columns, tf.concat([tf.shape(keys)[:-1], block], axis=0)
    )
    return tf.ensure_shape(weights, [*keys.shape[:-1], *block])


@keras.saving.register_keras_serializable(package="kpp_tf")
class BlockReader(keras.layers.Layer):
    """f_ST: reads K blocks of P x P cells from the memory, and its adjoint.

    `call` reads, `adjoint` spreads blocks over the memory with the same weights:
    <read(M, y), F> = <M, adjoint(y, F)>. Both are products with `block_weights`, not
    gathers and scatters: their gradients are then products too, the same bits on every
    run of a GPU.

    Args:
      memory_size: S.
      block_size: P.
      sharpness: see `block_weights`; 1 is bilinear.
      scale_gain: see `block_weights`.
    """

    def __init__(
        self,
        memory_size: int,
        block_size: int = 1,
        sharpness: float = 1.0,
        scale_gain: float = 0.25,
        **kwargs,
    ):
        # Keys and memory keep float32 under mixed precision: bfloat16 has 8 bits,
        # which would move a key by a good part of a cell.
        super().__init__(autocast=False, **kwargs)
        if not 1 <= block_size <= memory_size:
            raise ValueError(
                "block_size must lie between 1 and memory_size. Received: "
                f"block_size={block_size}, memory_size={memory_size}"
            )
        if sharpness < 1:
            raise ValueError(f"sharpness must be at least 1. Received: {sharpness}")
        self.memory_size = memory_size
        self.block_size = block_size
        self.sharpness = sharpness
        self.scale_gain = scale_gain

    def weights_at(self, keys: tf.Tensor) -> tf.Tensor:
        """`block_weights` of this reader, flat: [B, N, S*S] with N = T*K*P*P."""
        weights = block_weights(
            tf.cast(keys, tf.float32),
            self.memory_size,
            self.block_size,
            self.sharpness,
            self.scale_gain,
        )
        return tf.reshape(weights, [tf.shape(keys)[0], -1, self.memory_size**2])

    def places(self, coordinates: tf.Tensor) -> tf.Tensor:
        """Where keys (x, y) point, as shares of the memory's sides, in (0, 1)."""
        return normal_cdf(coordinates)

    def call(self, memory: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
        """Reads.

        Args:
          memory: [B, S, S, D].
          keys: [B, T, K, 3]: scale, x, y.

        Returns:
          blocks: [B, T, K, P, P, D], in the memory's dtype.
        """
        depth = memory.shape[-1]
        weights = tf.cast(self.weights_at(keys), memory.dtype)
        flat = tf.reshape(memory, [-1, self.memory_size**2, depth])
        size = self.block_size
        shape = tf.concat([tf.shape(keys)[:-1], [size, size, depth]], axis=0)
        blocks = tf.reshape(tf.matmul(weights, flat), shape)
        return tf.ensure_shape(blocks, [*keys.shape[:-1], size, size, depth])

    def adjoint(self, keys: tf.Tensor, blocks: tf.Tensor) -> tf.Tensor:
        """Adds each block to the memory where a read with its key would look.

        Args:
          keys: [B, T, K, 3].
          blocks: [B, T, K, P, P, D].

        Returns:
          [B, S, S, D].
        """
        depth = blocks.shape[-1]
        weights = tf.cast(self.weights_at(keys), blocks.dtype)
        flat = tf.reshape(blocks, [tf.shape(keys)[0], -1, depth])
        memory = tf.matmul(weights, flat, transpose_a=True)
        return tf.reshape(memory, [-1, self.memory_size, self.memory_size, depth])

    def get_config(self):
        return {
            **super().get_config(),
            "memory_size": self.memory_size,
            "block_size": self.block_size,
            "sharpness": self.sharpness,
            "scale_gain": self.scale_gain,
        }

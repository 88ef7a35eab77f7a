"""The noise of models: stateless, one seed a row.

Every random number of this package comes from a seed that the caller passes in. Models,
training and evaluation draw theirs here, with one seed per episode, so that the noise
of an episode depends neither on its place in the batch nor on how a batch is split over
devices or padded by a server. What shuffles, groups and augments data draws its own
(`kpp_tf.data`).

The same seed gives the same numbers in eager mode and in graphs. A function compiled by
XLA (`jit_compile=True`) draws other numbers of the same distribution: TensorFlow's two
kernels lay out their counters differently.
"""

import enum
from collections.abc import Callable

import tensorflow as tf

from kpp_tf.errors import UserError


class Stream(enum.IntEnum):
    """Salts, one for each use of noise; streams of one seed are independent.

    The numbers decide what a seed draws: a new stream takes a new number.
    """

    KEYS = 1  # and addresses
    LATENTS = 2
    MEMORY = 3
    EXPLORED = 4  # widths of windows in training
    WRITTEN = 5  # how many frames a training step writes
    KEY_MOVES = 11
    SALT_AND_PEPPER = 21
    SPECKLE = 22
    POISSON = 23
    DRAWS = 31  # of pixels


def row_seeds(seed: tf.Tensor, batch: int | tf.Tensor) -> tf.Tensor:
    """Derives one seed for each row of a batch from a single seed.

    Args:
      seed: int32 [2], a stateless seed.
      batch: number of rows B.

    Returns:
      int32 [B, 2]; row b depends on `seed` and b only.
    """
    seed = tf.cast(tf.convert_to_tensor(seed), tf.int32)
    return tf.map_fn(
        lambda row: tf.random.experimental.stateless_fold_in(seed, row),
        tf.range(batch),
        fn_output_signature=tf.TensorSpec([2], tf.int32),
    )


def normal(seeds: tf.Tensor, shape: tuple, salt: int) -> tf.Tensor:
    """Standard normal noise, drawn a row at a time.

    Args:
      seeds: int32 [B, 2], a stateless seed per row.
      shape: shape of one row (integers or scalar tensors).
      salt: a `Stream`.

    Returns:
      float32 [B, *shape]; row b depends on `seeds[b]`, `shape` and `salt` only.
    """
    return _by_row(seeds, shape, salt, tf.random.stateless_normal)


def uniform(seeds: tf.Tensor, shape: tuple, salt: int) -> tf.Tensor:
    """Uniform noise in [0, 1), drawn a row at a time; see `normal`."""
    return _by_row(seeds, shape, salt, tf.random.stateless_uniform)


def checked(seeds: tf.Tensor, batch: int | None = None) -> tf.Tensor:
    """Returns the seeds as int32 [B, 2].

    Args:
      seeds: from a caller.
      batch: B, if it is known.

    Raises:
      UserError: if they are anything else.
    """
    seeds = tf.convert_to_tensor(seeds)
    if not seeds.shape.is_compatible_with([batch, 2]) or not seeds.dtype.is_integer:
        raise UserError(
            f"seeds must be int32 [{batch or 'B'}, 2], one for each row of the batch; "
            f"noise.row_seeds makes them. Received: {seeds.dtype.name} {seeds.shape}"
        )
    return tf.cast(seeds, tf.int32)


def _by_row(
    seeds: tf.Tensor, shape: tuple, salt: int, draw: Callable[..., tf.Tensor]
) -> tf.Tensor:
    # A loop over rows, not one draw for the batch: a row must not depend on others.
    # 8 rows of 512 numbers cost 0.3 ms on two cores, vectorized_map twice that.
    def row(seed: tf.Tensor) -> tf.Tensor:
        return draw(shape, tf.random.experimental.stateless_fold_in(seed, salt))

    static = [d if isinstance(d, int) else None for d in shape]
    return tf.map_fn(
        row, checked(seeds), fn_output_signature=tf.TensorSpec(static, tf.float32)
    )


def fold_in(seeds: tf.Tensor, data: int | tf.Tensor) -> tf.Tensor:
    """New seeds from old ones and a number, row by row: int32 [B, 2] to [B, 2]."""
    return tf.map_fn(
        lambda seed: tf.random.experimental.stateless_fold_in(seed, data),
        checked(seeds),
        fn_output_signature=tf.TensorSpec([2], tf.int32),
    )


def copies(seeds: tf.Tensor, count: int) -> list[tf.Tensor]:
    """`count` seeds int32 [B, 2] for samples of the same rows; the first is `seeds`."""
    return [seeds, *(fold_in(seeds, number) for number in range(1, count))]

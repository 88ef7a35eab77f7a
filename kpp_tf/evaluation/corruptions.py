"""Damage to images, for iterative reading to undo."""

import tensorflow as tf

from kpp_tf import noise


def salt_and_pepper(
    images: tf.Tensor, seeds: tf.Tensor, share: float = 0.15
) -> tf.Tensor:
    """Sets a share of the pixels to 0 or 1, each with probability one half.

    Args:
      images: float32 [B, T, H, W, C] in [0, 1].
      seeds: int32 [B, 2].
      share: of the pixels.

    Returns:
      The same shape.
    """
    drawn = noise.uniform(seeds, _row_shape(images), noise.Stream.SALT_AND_PEPPER)
    damaged = tf.where(drawn < share, tf.cast(drawn < share / 2, tf.float32), images)
    return tf.ensure_shape(damaged, images.shape)


def speckle(images: tf.Tensor, seeds: tf.Tensor, stddev: float = 0.5) -> tf.Tensor:
    """Multiplies by 1 + N(0, stddev^2), clipped to [0, 1]; arguments as above."""
    drawn = noise.normal(seeds, _row_shape(images), noise.Stream.SPECKLE)
    return tf.clip_by_value(images * (1 + stddev * drawn), 0.0, 1.0)


def poisson(images: tf.Tensor, seeds: tf.Tensor, photons: float = 4.0) -> tf.Tensor:
    """Counts Poisson(photons * x) over `photons`, clipped to [0, 1].

    Dark pixels have a background of a tenth of the photons, so that empty paper is
    damaged too. Arguments as above.
    """
    rate = photons * (0.1 + 0.9 * images)

    def row(arguments: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        row_rate, seed = arguments
        return tf.random.stateless_poisson(
            tf.shape(row_rate), seed, lam=row_rate, dtype=tf.float32
        )

    keyed = noise.fold_in(seeds, noise.Stream.POISSON)
    counts = tf.map_fn(row, (rate, keyed), fn_output_signature=tf.float32)
    return tf.ensure_shape(tf.clip_by_value(counts / photons, 0.0, 1.0), images.shape)


def hide_half(images: tf.Tensor) -> tf.Tensor:
    """Sets the lower half of each image [B, T, H, W, C] to 0."""
    height = images.shape[2]
    seen = tf.range(height) < height // 2
    return images * tf.cast(seen, images.dtype)[:, None, None]


BY_NAME = {
    "salt_and_pepper": salt_and_pepper,
    "speckle": speckle,
    "poisson": poisson,
}


def _row_shape(images: tf.Tensor) -> tuple:
    return tuple(tf.unstack(tf.shape(images)[1:]))

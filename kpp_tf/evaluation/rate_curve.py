"""Stored bound against memory bits: the model beside codes without a network."""

import functools
import math
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from kpp_tf.data import Episodes, ImageTable
from kpp_tf.evaluation import bounds, quantization
from kpp_tf.models import MemoryModel

FLOAT_BITS = 32
NEWTON_STEPS = 12
REGRESSION_STEPS = 150


def model_rows(
    model: MemoryModel, dataset: Iterable[Episodes], length: int
) -> list[dict]:
    """`bounds.stored` of a model whose memory is stored with 32, 16, 8 and 4 bits.

    Args:
      model: with trained weights.
      dataset: batches of `Episodes`.
      length: T, the images that share a memory.

    Returns:
      For each: `code`, `bits_per_image` of the memory, and the bound's `value`,
      `standard_error` and `unit`.
    """
    rows = []
    for dtype in quantization.BITS:
        transform = None
        if dtype != "float32":
            transform = functools.partial(quantization.store, dtype=dtype)
        scored = bounds.stored(model, dataset, transform=transform)
        rows.append(
            {
                "code": f"model, memory of {dtype}",
                "bits_per_image": quantization.memory_bits(model, length, dtype)
                / length,
                **{name: scored[name] for name in ("value", "standard_error", "unit")},
            }
        )
    return rows


def plain_rows(
    train: ImageTable,
    test: ImageTable,
    slots: int,
    numbers: Iterable[int] = (88, 22),
    seed: int = 0,
) -> list[dict]:
    """The bound of codes without a network, plus ln(slots) to name the image.

    * PCA and one logistic: k coordinates an image, and one slope and bias, the same for
      every pixel, from the reconstruction to the pixel's logit.
    * PCA and a logistic regression a pixel, on the k coordinates.
    * Packed pixels: the image itself, of as many bits as it has pixels and levels.

    Args:
      train: the images to fit the codes on.
      test: the images to score. If both have 2 levels, grey pixels are probabilities,
        drawn once. For images of 256 levels only the packed pixels are given.
      slots: images that a memory tells apart.
      numbers: values of k; each is a float of 32 bits.
      seed: of the draws.

    Returns:
      For each: `code`, `bits_per_image`, `value` = -ln p(image) + ln(slots) on the
      split, `standard_error` over images, `unit`.
    """
    dims = math.prod(test.image_shape)
    binary = test.levels == 2
    unit = "nats/image" if binary else "bits/dim"
    pointer = math.log(slots) / (1.0 if binary else dims * math.log(2.0))

    def row(code: str, bits: float, losses: np.ndarray) -> dict:
        error = np.std(losses, ddof=1) / np.sqrt(len(losses)) if len(losses) > 1 else 0
        return {
            "code": code,
            "bits_per_image": float(bits),
            "value": float(np.mean(losses) + pointer),
            "standard_error": float(error),
            "unit": unit,
        }

    rows = []
    if binary:
        fit, scored = _bits(train, seed), _bits(test, seed + 1)
        for k in numbers:
            bits = FLOAT_BITS * k
            losses = pca_and_one_logistic(fit, scored, k)
            rows.append(row(f"PCA, {k} numbers, and one logistic", bits, losses))
            losses = pca_and_a_logistic_a_pixel(fit, scored, k)
            rows.append(row(f"PCA, {k} numbers, and a logistic a pixel", bits, losses))
    packed = dims * math.log2(test.levels)
    return [*rows, row("packed pixels", packed, np.zeros(1))]


def pca_and_one_logistic(
    train: np.ndarray, test: np.ndarray, numbers: int
) -> np.ndarray:
    """-ln p of images whose pixels have logit a r + b, r the PCA reconstruction.

    Args:
      train: float32 [N, pixels] of 0 and 1; PCA, a and b are fitted on it, a and b by
        Newton's method to the maximum of the likelihood.
      test: float32 [M, pixels].
      numbers: k, coordinates of an image.

    Returns:
      Nats [M].
    """
    mean, axes, _ = _pca(train, numbers)

    def rebuilt(images: np.ndarray) -> np.ndarray:
        return mean + ((images - mean) @ axes) @ axes.T

    reconstruction = rebuilt(train)
    slope_bias = np.zeros(2)
    for _ in range(NEWTON_STEPS):
        chance = _sigmoid(slope_bias[0] * reconstruction + slope_bias[1])
        error, spread = train - chance, chance * (1 - chance)
        gradient = [np.vdot(error, reconstruction), error.sum()]
        cross = np.vdot(spread, reconstruction)
        square = np.vdot(spread * reconstruction, reconstruction)
        curvature = [[square, cross], [cross, spread.sum()]]
        slope_bias += np.linalg.solve(curvature, gradient)
    return _losses(test, slope_bias[0] * rebuilt(test) + slope_bias[1])


def pca_and_a_logistic_a_pixel(
    train: np.ndarray, test: np.ndarray, numbers: int
) -> np.ndarray:
    """-ln p of images whose pixels' logits are linear in the PCA coordinates.

    The likelihood is concave, and with coordinates of unit variance its curvature is at
    most 1/4: accelerated gradient steps of 4 need no tuning.

    Arguments and returns: see `pca_and_one_logistic`.
    """
    mean, axes, variances = _pca(train, numbers)
    axes = axes / np.sqrt(variances)

    def coordinates(images: np.ndarray) -> np.ndarray:
        ones = np.ones((len(images), 1), np.float32)
        return np.concatenate([(images - mean) @ axes, ones], axis=1)

    code, pixels = tf.constant(coordinates(train)), tf.constant(train)

    @tf.function
    def gradient(weights: tf.Tensor) -> tf.Tensor:
        error = pixels - tf.sigmoid(code @ weights)
        return tf.matmul(code, error, transpose_a=True) / len(train)

    weights = ahead = tf.zeros([numbers + 1, train.shape[1]])
    momentum = 1.0
    for _ in range(REGRESSION_STEPS):
        moved = ahead + 4.0 * gradient(ahead)
        following = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        ahead = moved + (momentum - 1) / following * (moved - weights)
        weights, momentum = moved, following
    return _losses(test, coordinates(test) @ weights.numpy())


def _pca(images: np.ndarray, numbers: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean [pixels], the first axes [pixels, k] and the variances [k] along them."""
    mean = images.mean(axis=0)
    centred = images - mean
    covariance = (centred.T @ centred / len(images)).astype(np.float64)
    variances, axes = np.linalg.eigh(covariance)
    axes = axes[:, : -numbers - 1 : -1].astype(np.float32)
    return mean, axes, variances[: -numbers - 1 : -1].astype(np.float32)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * logits))


def _losses(images: np.ndarray, logits: np.ndarray) -> np.ndarray:
    losses = np.logaddexp(0, logits) - images * logits
    return np.asarray(losses.sum(axis=1, dtype=np.float64))


def _bits(table: ImageTable, seed: int) -> np.ndarray:
    """Pixels as 0 and 1, grey ones drawn: float32 [N, pixels]."""
    drawn = np.random.default_rng(seed).random(table.images.shape, np.float32)
    images = table.images.reshape(len(table), -1)
    return (drawn.reshape(images.shape) < images / np.float32(255)).astype(np.float32)

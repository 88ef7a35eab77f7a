"""Whether a window means its kind: images drawn through windows of growing width."""

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.data import Episodes
from kpp_tf.evaluation import key_moves, pixels
from kpp_tf.evaluation.averages import Totals
from kpp_tf.evaluation.features import FeatureSpace
from kpp_tf.evaluation.frechet import frechet_distance
from kpp_tf.models import MemoryModel

WIDTHS = (1.4, 2.0, 3.0, 6.0, 12.0)  # blocks
MOST = 256  # images of an episode whose keys are widened


def window_sweep(
    model: MemoryModel, dataset: Iterable[Episodes], space: FeatureSpace
) -> list[dict] | None:
    """Classes of what is drawn through windows about an image, by their width.

    Each episode is written; the recall keys of up to `MOST` of its images, spread
    evenly, are widened. The classifier gives all classes.

    Args:
      model: with trained weights.
      dataset: batches of `Episodes`, no longer than the memory holds.
      space: a classifier and its features.

    Returns:
      None for a model without keys. Else for each of `WIDTHS` below that of all of the
      memory: `width` in blocks; `images_have`, the share of the images in the window,
      weighted as it reads them, with the class of the image in its middle;
      `draws_have`, the share of draws at temperature 1 with that class, and
      `means_have`, of the images at the means of p(Z|M-hat, Y); each with a
      `..._error` over episodes, None for one episode; `chance`, the share of pairs of
      an episode's images with one class; `frechet` of the draws to the written images,
      and `frechet_of_means`.
    """
    if not key_moves.has_keys(model):
        return None
    read = tf.function(model.generate_from_keys)
    widths = [w for w in WIDTHS if w < 2 * key_moves.blocks_a_side(model)]
    totals = {width: Totals() for width in widths}
    found: dict[float, list[tuple[np.ndarray, np.ndarray]]] = {w: [] for w in widths}
    real = []
    for batch in dataset:
        images, mask = batch.images.numpy(), batch.mask.numpy()
        memory = model.write(batch.images, batch.mask)
        recall = key_moves.recall_keys(model, memory, batch.images)
        blocks = _blocks(model, recall)
        classes = _classes(space, images)
        chance = _sharing(classes, mask)
        real.append(space(images[mask > 0]))
        length = images.shape[1]
        some = np.unique(np.linspace(0, length - 1, min(MOST, length)).astype(int))
        own, counted = classes[:, some], mask[:, some]
        for width in widths:
            keys = key_moves.with_width(model, tf.gather(recall, some, axis=1), width)
            weights = model.reader.weights_at(keys[:, :, :1]).numpy()
            drawn = read(memory, keys, batch.seeds)
            mean = read(memory, keys)
            numbers = {
                "images_have": _share_read(weights, blocks, classes, own, mask),
                "draws_have": _classes(space, pixels.likeliest(model, drawn)) == own,
                "means_have": _classes(space, pixels.likeliest(model, mean)) == own,
                "chance": chance[:, some],
            }
            totals[width].add(numbers, counted)
            seeds = noise.fold_in(batch.seeds, 1)
            of_draws, of_means = (
                space(pixels.drawn(model, images, seeds)[counted > 0])
                for images in (drawn, mean)
            )
            found[width].append((of_draws, of_means))
    features = np.concatenate(real)
    rows = []
    for width in widths:
        row: dict[str, float | None] = {"width": width}
        for name in ("images_have", "draws_have", "means_have", "chance"):
            row[name], row[f"{name}_error"] = totals[width].mean(name)
        draws, means = (
            np.concatenate(part) for part in zip(*found[width], strict=True)
        )
        row["frechet"] = frechet_distance(draws, features)
        row["frechet_of_means"] = frechet_distance(means, features)
        rows.append(row)
    return rows


def _blocks(model: MemoryModel, recall: tf.Tensor) -> np.ndarray:
    """Numbers of the first blocks that recall keys read: int [B, T]."""
    grid = key_moves.blocks_a_side(model)
    columns, rows = np.moveaxis(
        key_moves.positions(model, recall)[:, :, 0].numpy().astype(int), -1, 0
    )
    return np.clip(rows, 0, grid - 1) * grid + np.clip(columns, 0, grid - 1)


def _classes(space: FeatureSpace, images: np.ndarray) -> np.ndarray:
    """[B, T, H, W, C] to class numbers [B, T]."""
    return space.classes(pixels.rows(images)).reshape(images.shape[:2])


def _share_read(
    weights: np.ndarray,
    blocks: np.ndarray,
    classes: np.ndarray,
    own: np.ndarray,
    mask: np.ndarray,
) -> np.ndarray:
    """Share of what windows [B, N, G*G] read that has the classes `own`: [B, N]."""
    read = np.stack([row[:, block] for row, block in zip(weights, blocks, strict=True)])
    read = read * mask[:, np.newaxis]  # [B, N, T]
    same = classes[:, np.newaxis] == own[..., np.newaxis]
    return (read * same).sum(axis=-1) / np.maximum(read.sum(axis=-1), 1e-9)


def _sharing(classes: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """The share of an episode's other images that have an image's class: [B, T]."""
    pairs = (classes[:, :, None] == classes[:, None]) * counted[:, None]
    others = counted.sum(axis=1, keepdims=True) - 1
    return (pairs.sum(axis=2) - 1) / np.maximum(others, 1)

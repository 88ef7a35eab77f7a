"""Whether a small move of a key leads to a similar image."""

from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.data import Episodes
from kpp_tf.evaluation import key_moves, pixels
from kpp_tf.evaluation.averages import Totals
from kpp_tf.evaluation.features import FeatureSpace
from kpp_tf.evaluation.frechet import frechet_distance
from kpp_tf.models import Memory, MemoryModel

DISTANCES = {
    "recalled": 0.0,
    "quarter_cell": 0.25,
    "half_cell": 0.5,
    "one_cell": 1.0,
}


def nudge(
    model: MemoryModel, dataset: Iterable[Episodes], space: FeatureSpace
) -> dict | None:
    """Moves recall keys, and classifies the images found there.

    Images are generated at the mean of p(Z|M-hat); binary ones are rounded. The
    classifier gives both classes, of the image found and of the one whose key moved.

    Args:
      model: with trained weights.
      dataset: batches of `Episodes`, whose images are written.
      space: a classifier and its features.

    Returns:
      None for a model without keys. Else for `recalled`, `quarter_cell`, `half_cell`
      and `one_cell` (a cell here is a block): `class_kept`, the share of images that
      keep their class, its `standard_error` over episodes, and `pixel_distance` to the
      image. `same_class`: the share of pairs of an episode's images with one class, as
      a move to a random image would keep it. `half_way`: the `frechet` distance to all
      real images of what is read half-way between images in neighbouring blocks, and
      `frechet_pixel_average`, the same of the averages of these `pairs` (binary images
      are drawn from their means; None with fewer than two pairs).
      `classifier_accuracy`, on real images.
    """
    if not key_moves.has_keys(model):
        return None
    write, read = tf.function(model.write), tf.function(model.generate_from_keys)
    totals = {name: Totals() for name in DISTANCES}
    same_class = Totals()
    between, averages, real = [], [], []
    for batch in dataset:
        images, counted = batch.images.numpy(), batch.mask.numpy()
        memory = write(batch.images, batch.mask)
        recall = key_moves.recall_keys(model, memory, batch.images)
        classes = _classes(space, images)
        for name, distance in DISTANCES.items():
            moved = key_moves.moved(model, recall, distance, batch.seeds)
            found = pixels.likeliest(model, read(memory, moved))
            totals[name].add(
                {
                    "class_kept": _classes(space, found) == classes,
                    "pixel_distance": np.abs(found - images).mean(axis=(2, 3, 4)),
                },
                counted,
            )
        same_class.add({"share": _sharing(classes, counted)}, counted)
        middle, average = _half_way(model, read, memory, recall, batch)
        between.append(middle)
        averages.append(average)
        real.append(space(images[counted > 0]))
    results: dict = {}
    for name, total in totals.items():
        kept, error = total.mean("class_kept")
        distance, _ = total.mean("pixel_distance")
        results[name] = {
            "class_kept": kept,
            "standard_error": error,
            "pixel_distance": distance,
        }
    features = np.concatenate(real)

    def frechet(batches: list[np.ndarray]) -> float | None:
        images = np.concatenate(batches)
        return frechet_distance(space(images), features) if len(images) > 1 else None

    return {
        **results,
        "same_class": same_class.mean("share")[0],
        "half_way": {
            "frechet": frechet(between),
            "frechet_pixel_average": frechet(averages),
            "pairs": sum(map(len, between)),
        },
        "classifier_accuracy": space.accuracy,
    }


def _classes(space: FeatureSpace, images: np.ndarray) -> np.ndarray:
    """[B, T, H, W, C] to class numbers [B, T]."""
    return space.classes(pixels.rows(images)).reshape(images.shape[:2])


def _sharing(classes: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """The share of an episode's other images that have an image's class: [B, T]."""
    pairs = (classes[:, :, None] == classes[:, None]) * counted[:, None]
    others = counted.sum(axis=1, keepdims=True) - 1
    return (pairs.sum(axis=2) - 1) / np.maximum(others, 1)


def _half_way(
    model: MemoryModel,
    read: Callable[..., tf.Tensor],
    memory: Memory,
    recall: tf.Tensor,
    batch: Episodes,
) -> tuple[np.ndarray, ...]:
    """Images read half-way between neighbours, and their pixel averages: [N, ...]."""
    places = key_moves.positions(model, recall).numpy()
    # As many pairs for each episode, so that one graph reads them.
    length = places.shape[1]
    pairs = np.zeros((len(places), 2 * length, 2), int)
    known = np.zeros(pairs.shape[:2], bool)
    for row, real in enumerate(batch.mask.numpy()):
        found = key_moves.neighbours(places[row, :, 0], real)[: 2 * length]
        pairs[row, : len(found)], known[row, : len(found)] = found, True
    first, second = (
        tf.gather(batch.images, pairs[..., side], batch_dims=1) for side in (0, 1)
    )
    middle = np.take_along_axis(
        places[:, :, None], pairs[..., None, None], axis=1
    ).mean(axis=2)
    at_first = tf.gather(recall, pairs[..., 0], batch_dims=1)
    found = read(memory, key_moves.at_positions(model, at_first, tf.constant(middle)))
    average = (first + second) / 2
    seeds = noise.fold_in(batch.seeds, 1)
    drawn = pixels.drawn(model, found, batch.seeds), pixels.drawn(model, average, seeds)
    return tuple(images[known] for images in drawn)

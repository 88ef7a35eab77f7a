"""Whether samples are good, and whether they are new.

A memory that only stores generates copies. So half of the test episodes are written,
and samples are compared with the images of the other half, which neither the training
nor a memory has seen.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.data import Episodes
from kpp_tf.evaluation import key_moves, pixels
from kpp_tf.evaluation.frechet import frechet_distance
from kpp_tf.models import MemoryModel


def medium_width(model: MemoryModel) -> float:
    """In blocks: the geometric mean of the finest and the widest window."""
    return float(np.sqrt(model.reader.finest * 2 * key_moves.blocks_a_side(model)))


def samples(
    model: MemoryModel,
    dataset: Iterable[Episodes],
    features: Callable[[np.ndarray], np.ndarray],
) -> dict:
    """Quality and novelty of draws from p(Y), as many as each memory has images.

    Every other batch is held out. Features are taken of binary images drawn from their
    means, because real images are draws too. Novelty is measured on the likeliest
    images, so that pixel noise does not count as new.

    Args:
      model: with trained weights.
      dataset: batches of `Episodes`; episodes with padding are left out.
      features: images [N, H, W, C] to [N, F], of `features.FeatureSpace`.

    Returns:
      For samples from p(Y) (`prior`), samples at the medium scale (places from p(Y),
      windows of `medium_width` blocks; K++ alone), held-out images and written images:
      `frechet`, the distance to the held-out images; `novelty`, the mean pixel distance
      to the nearest image of their memory; `diversity`, the mean distance of two of a
      memory. Perfect samples would have the `frechet` of the written images and the
      novelty of the held-out ones; copies have novelty 0. `images`: how many were
      written.

    Raises:
      ValueError: if the data set has fewer than two batches of whole episodes.
    """
    write, generate = tf.function(model.write), tf.function(model.generate)
    sets: dict[str, list] = {}

    def judge(
        name: str, likely: np.ndarray, real: np.ndarray, images: np.ndarray
    ) -> None:
        found = sets.setdefault(name, [])
        for own, memory_of, drawn in zip(likely, images, real, strict=True):
            found.append(
                (
                    features(drawn),
                    pixels.nearest(own, memory_of).mean(),
                    pixels.diversity(own),
                )
            )

    for batch, others in _halves(dataset):
        images, seeds = batch.images.numpy(), batch.seeds
        memory, count = write(batch.images), images.shape[1]
        means = {"prior": generate(memory, count, seeds)}
        if key_moves.has_keys(model):
            wide = key_moves.with_width(
                model, model.draw_keys(count, seeds), medium_width(model)
            )
            means["medium_scale"] = model.generate_from_keys(memory, wide, seeds)
        for name, mean in means.items():
            drawn = pixels.drawn(model, mean, noise.fold_in(seeds, 1))
            judge(name, pixels.likeliest(model, mean), drawn, images)
        judge("held_out", others, others, images)
        judge("written", images, images, images)
    spaces = {name: np.concatenate([f for f, _, _ in s]) for name, s in sets.items()}
    results: dict = {}
    for name, found in sets.items():
        results[name] = {
            "frechet": frechet_distance(spaces[name], spaces["held_out"]),
            "novelty": float(np.mean([near for _, near, _ in found])),
            "diversity": float(np.mean([apart for _, _, apart in found])),
        }
    if key_moves.has_keys(model):
        results["medium_scale"]["width"] = medium_width(model)
    results["images"] = len(spaces["written"])
    return results


def enough(dataset: Iterable[Episodes]) -> bool:
    """Whether `samples` has a pair of batches with whole episodes to compare."""
    whole = (np.any(np.all(batch.mask > 0, axis=1)) for batch in dataset)
    return any(first and second for first, second in zip(whole, whole, strict=False))


def _halves(dataset: Iterable[Episodes]) -> Iterator[tuple[Episodes, np.ndarray]]:
    """Batches of whole episodes to write, and the images [B, T, ...] beside each."""
    pairs, waiting = 0, None
    for batch in dataset:
        whole = tf.where(tf.reduce_all(batch.mask > 0, axis=1))[:, 0]
        batch = tf.nest.map_structure(
            lambda part, whole=whole: tf.gather(part, whole), batch
        )
        if waiting is None:
            waiting = batch
            continue
        rows = min(len(waiting.images), len(batch.images))
        if rows:
            pairs += 1
            first = tf.nest.map_structure(lambda part, n=rows: part[:n], waiting)
            yield first, batch.images[:rows].numpy()
        waiting = None
    if not pairs:
        raise ValueError(
            "samples are judged by two batches of whole episodes or more. Received: "
            "no pair of them"
        )

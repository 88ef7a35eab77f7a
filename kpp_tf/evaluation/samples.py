"""Are samples good, and are they new?

A memory that merely stores generates copies. So the test episodes are cut in two: the
memories are written from one half, and the images of the other half, which neither the
training nor a memory has seen, are what good samples should look like.
"""

from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.data import Episodes
from kpp_tf.evaluation import key_moves, pixels
from kpp_tf.evaluation.frechet import frechet_distance
from kpp_tf.models import MemoryModel


def medium_width(model: MemoryModel) -> float:
    """In blocks: half-way, in the logarithm, between the finest window and all."""
    return float(np.sqrt(model.reader.finest * 2 * key_moves.blocks_a_side(model)))


def samples(
    model: MemoryModel,
    dataset: Iterable[Episodes],
    features: Callable[[np.ndarray], np.ndarray],
) -> dict:
    """Quality and novelty of draws from p(Y), as many as a memory has images.

    Every other batch is held out. Binary images are drawn from their means before their
    features are taken, as the real ones are draws too; novelty is that of the likeliest
    image, so that noise in the pixels does not count as new.

    Args:
      model: with trained weights.
      dataset: batches of `Episodes`; those with padding are left out.
      features: images [N, H, W, C] to [N, F], of `features.FeatureSpace`.

    Returns:
      Of samples from p(Y), of samples at the medium scale (places from p(Y), windows of
      `medium_width` blocks; K++ alone), of held-out images and of the written ones:
      `frechet`, the distance to the held-out images, `novelty`, the mean distance of a
      pixel to the nearest image of their memory, and `diversity`, the mean distance of
      two of a memory. That of the written images to the held-out ones is what perfect
      samples would get; a copy has novelty 0, and one as new as a real image has that
      of the held-out ones. `images`, how many were written.

    Raises:
      ValueError: if the data set has fewer than two batches of whole episodes.
    """
    write, generate = tf.function(model.write), tf.function(model.generate)
    written, held_out = _halves(dataset)
    sets: dict[str, list] = {}

    def judge(name, likely, real, images):
        found = sets.setdefault(name, [])
        for own, memory_of, drawn in zip(likely, images, real, strict=True):
            found.append(
                (
                    features(drawn),
                    pixels.nearest(own, memory_of).mean(),
                    pixels.diversity(own),
                )
            )

    for batch, others in zip(written, held_out, strict=True):
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


def _halves(dataset):
    """Batches of whole episodes to write, and the images [B, T, ...] beside each."""
    halves: tuple[list, list] = ([], [])
    for number, batch in enumerate(dataset):
        whole = tf.where(tf.reduce_all(batch.mask > 0, axis=1))[:, 0]
        batch = tf.nest.map_structure(
            lambda part, whole=whole: tf.gather(part, whole), batch
        )
        halves[number % 2].append(batch)
    written, held_out, pairs = *halves, min(map(len, halves))
    cut = []
    for first, second in zip(written[:pairs], held_out[:pairs], strict=True):
        rows = min(len(first.images), len(second.images))
        if rows:
            first = tf.nest.map_structure(lambda part, n=rows: part[:n], first)
            cut.append((first, second.images[:rows].numpy()))
    if not cut:
        raise ValueError(
            "samples are judged by two batches of whole episodes or more. Received: "
            f"{len(written)} to write, {len(held_out)} to hold out"
        )
    return zip(*cut, strict=True)

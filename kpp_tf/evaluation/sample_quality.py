"""What a bound does not show: are samples good, new, and do keys lead smoothly?

A memory of T slots that merely stores wins the bound. So the test episodes are cut in
two: the memories are written from one half, and the images of the other half, which
neither the training nor a memory has seen, are what good samples should look like.
"""

from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.data import Episodes
from kpp_tf.errors import UserError
from kpp_tf.models import KanervaPlusPlus, MemoryModel

PATHS = 4  # key paths an episode
PATH_STEPS = 16


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Frechet distance of Gaussians with the moments of two sets of features.

        d^2 = |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^(1/2) C2 C1^(1/2))^(1/2))

    Args:
      first: [N, F].
      second: [M, F].

    Returns:
      d^2 in squared units of the features; 0 for equal moments.

    Raises:
      ValueError: if a set has fewer than two rows or they differ in F.

    Reference: Heusel et al., "GANs trained by a two time-scale update rule converge to
    a local Nash equilibrium", NeurIPS 2017, there in the features of another network,
    so that its values and these cannot be compared.
    """
    if min(len(first), len(second)) < 2 or first.shape[1:] != second.shape[1:]:
        raise ValueError(
            "a Frechet distance takes two sets [N, F] of two rows or more. Received: "
            f"shapes {first.shape} and {second.shape}"
        )
    means = [features.mean(axis=0) for features in (first, second)]
    c1, c2 = (np.cov(features, rowvar=False) for features in (first, second))
    c1, c2 = np.atleast_2d(c1), np.atleast_2d(c2)
    values, vectors = np.linalg.eigh(c1)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.linalg.eigvalsh(root @ c2 @ root)
    trace = np.trace(c1) + np.trace(c2) - 2 * np.sqrt(np.maximum(cross, 0)).sum()
    return float(np.sum((means[0] - means[1]) ** 2) + trace)


def pixel_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Mean absolute difference of a pixel, in [0, 1], of every pair.

    For images of 0 and 1 it is the share of pixels that differ (Hamming).

    Args:
      first: [N, H, W, C] in [0, 1].
      second: [M, H, W, C] in [0, 1].

    Returns:
      [N, M].
    """
    flat = second.reshape(len(second), -1)
    return np.stack([np.abs(image.ravel() - flat).mean(axis=1) for image in first])


def novelty(samples: np.ndarray, written: np.ndarray) -> tuple[float, float]:
    """How far samples lie from the frames of their memory, and those from each other.

    Args:
      samples: [N, H, W, C] in [0, 1], of one memory.
      written: [T, H, W, C], T > 1, the frames that it was written from.

    Returns:
      (mean distance of a sample to the nearest written frame, mean distance of a
      written frame to the nearest other): `pixel_distances`.
    """
    between = pixel_distances(written, written)
    np.fill_diagonal(between, np.inf)
    nearest = pixel_distances(samples, written).min(axis=1)
    return float(nearest.mean()), float(between.min(axis=1).mean())


def smoothness(path: np.ndarray) -> tuple[float, float]:
    """How an image changes along a path, relative to the distance of its ends.

    Args:
      path: [steps + 1, H, W, C] in [0, 1].

    Returns:
      (largest change of one step, sum of all changes), both over the distance of the
      ends. The first is 1 for a jump and 1 / steps for an even crossing; the second is
      1 for a crossing that nothing turns aside, and more for a detour. NaN where the
      ends are equal.
    """
    changes = np.abs(np.diff(path, axis=0)).mean(axis=(1, 2, 3))
    whole = np.abs(path[-1] - path[0]).mean()
    if whole == 0:
        return float("nan"), float("nan")
    return float(changes.max() / whole), float(changes.sum() / whole)


def measure(
    model: MemoryModel,
    dataset: Iterable[Episodes],
    features: Callable[[np.ndarray], np.ndarray],
    iterations: int = 5,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Quality of samples from p(Y), before and after iterative inference.

    Every memory is asked for as many samples as it was written from. Binary images are
    drawn from their Bernoulli means before their features are taken, as the real ones
    are draws too; novelty is that of the likeliest image, rounded, so that noise in the
    pixels does not count as new.

    Args:
      model: with trained weights.
      dataset: batches of test episodes, in turn written and held out; episodes with
        padding are left out.
      features: images [N, H, W, C] to [N, F], of `features.FeatureSpace`.
      iterations: of iterative inference.
      progress: called after each batch.

    Returns:
      Frechet distances of `samples` and `refined` samples, to `held_out` and to
      `written` images; `frechet_written_to_held_out` is what perfect samples would
      get, up to the size of the sets. `novelty` (and `_refined`): distance of a sample
      to the nearest written frame over that of written frames to their nearest other:
      0 for copies, 1 for samples as new as another frame. `nearest_written`,
      `nearest_other_frame`: those distances, per pixel. `largest_step`, `path_length`:
      `smoothness` of straight key paths between neighbouring frames (K++ alone).
      `written_images`, `held_out_images`: their numbers.

    Raises:
      ValueError: if the data set has fewer than two batches of whole episodes.
    """
    refine = tf.function(model.refine, reduce_retracing=True)
    spaces = {name: [] for name in ("written", "held_out", "samples", "refined")}
    distances = {name: [] for name in ("samples", "refined", "frames")}
    paths = []
    for number, batch in enumerate(dataset):
        whole = np.flatnonzero(np.all(batch.mask.numpy() > 0, axis=1))
        batch = tf.nest.map_structure(
            lambda part, whole=whole: tf.gather(part, whole), batch
        )
        if not len(whole):
            continue
        images = batch.images.numpy()
        if number % 2:
            spaces["held_out"].append(features(_rows(images)))
            progress()
            continue
        memory = model.write(batch.images)
        sampled = model.generate(memory, images.shape[1], batch.seeds)
        refined = _draw(model, sampled, batch.seeds)
        for _ in range(iterations):
            refined = refine(memory, refined)
        spaces["written"].append(features(_rows(images)))
        for name, means in (("samples", sampled), ("refined", refined)):
            drawn = _draw(model, means, noise.fold_in(batch.seeds, iterations))
            spaces[name].append(features(_rows(drawn.numpy())))
            for row, frames in zip(_likeliest(model, means), images, strict=True):
                nearest, between = novelty(row, frames)
                distances[name].append(nearest)
                if name == "samples":
                    distances["frames"].append(between)
        if isinstance(model, KanervaPlusPlus):
            paths += [smoothness(path) for path in key_paths(model, memory, batch)]
        progress()
    if not spaces["written"] or not spaces["held_out"]:
        raise UserError(
            "sample quality takes two batches of whole episodes or more. Received: "
            f"{len(spaces['written'])} to write, {len(spaces['held_out'])} to hold out"
        )
    sets = {name: np.concatenate(parts) for name, parts in spaces.items()}
    results = {
        f"frechet_{name}_to_{other}": frechet_distance(sets[name], sets[other])
        for name in ("samples", "refined")
        for other in ("held_out", "written")
    }
    results["frechet_written_to_held_out"] = frechet_distance(
        sets["written"], sets["held_out"]
    )
    frames = float(np.mean(distances["frames"]))
    results["nearest_other_frame"] = frames
    for name, suffix in (("samples", ""), ("refined", "_refined")):
        nearest = float(np.mean(distances[name]))
        results[f"nearest_written{suffix}"] = nearest
        results[f"novelty{suffix}"] = nearest / frames
    if paths:
        largest, length = np.nanmean(np.array(paths), axis=0)
        results["largest_step"] = float(largest)
        results["path_length"] = float(length)
    results["written_images"] = len(sets["written"])
    results["held_out_images"] = len(sets["held_out"])
    return results


def key_paths(model: KanervaPlusPlus, memory: tf.Tensor, batch: Episodes) -> np.ndarray:
    """Images along straight paths of keys between neighbouring frames.

    Args:
      model: with trained weights.
      memory: [B, S, S, D], written from the batch.
      batch: episodes without padding.

    Returns:
      Mean images [paths, PATH_STEPS + 1, H, W, C].
    """
    keys = model.infer_keys(memory, batch.images)
    count = min(PATHS, keys.shape[1] - 1)
    share = tf.reshape(tf.linspace(0.0, 1.0, PATH_STEPS + 1), [1, 1, -1, 1, 1])
    starts, ends = keys[:, :count, None], keys[:, 1 : count + 1, None]
    on_path = starts * (1 - share) + ends * share  # [B, paths, steps, K, 3]
    flat = tf.reshape(on_path, [len(keys), -1, *keys.shape[2:]])
    images = model.generate_from_keys(memory, flat).numpy()
    return images.reshape(-1, PATH_STEPS + 1, *model.image_shape)


def _draw(model, means, seeds):
    if model.likelihood_name != "bernoulli":
        return means
    shape = tuple(tf.unstack(tf.shape(means)[1:]))
    return tf.cast(noise.uniform(seeds, shape, noise.Stream.DRAWS) < means, tf.float32)


def _likeliest(model, means):
    means = means.numpy()
    return np.rint(means) if model.likelihood_name == "bernoulli" else means


def _rows(images):
    return images.reshape(-1, *images.shape[2:])

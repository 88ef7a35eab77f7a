"""The bound of ln p(X|M) over a data set, its terms, and two bounds beside it.

Protocol: the memory is written from the very images that are scored.
"""

from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from kpp_tf import likelihoods, noise
from kpp_tf.data import Episodes
from kpp_tf.models import Elbo, Memory, MemoryModel

TERMS = Elbo._fields


def evaluate(
    model: MemoryModel,
    dataset: Iterable[Episodes],
    num_samples: int = 0,
    swapped: bool = False,
    seed_salt: int = 0,
    memory_transform: Callable[[Memory], Memory] | None = None,
    progress: Callable[[], None] | None = None,
) -> dict[str, float]:
    """Averages the bound over every image of a data set, at beta = 1.

    Args:
      model: with trained weights.
      dataset: batches of `Episodes`, e.g. `evaluation_episodes`.
      num_samples: N of the importance-weighted bound; 0 leaves it out.
      swapped: whether to score each episode under its neighbour's memory too.
      seed_salt: another salt draws other noise from the same episodes.
      memory_transform: what happens to a memory between writing and reading, such as
        being stored with fewer bits; every bound is then of what is read after it.
      progress: called after each batch.

    Returns:
      Nats an image unless said otherwise; bounds are of -ln p(X|M), lower is better:
      `bound`; `log_likelihood`, `kl_latents`, `kl_keys`, `kl_memory`, its terms;
      `bound_standard_error`, of the mean over episodes, whose images share a memory;
      `bits_per_dim`, of the bound; `images`, their number; with `num_samples`,
      `importance_weighted_bound` = -E[ln 1/N sum_n w_n] (Burda et al., ICLR 2016);
      with `swapped`, `bound_swapped_memory`: how far it lies above the bound shows how
      much is read from the memory.

    Raises:
      ValueError: if the data set holds no image.
    """
    score = tf.function(model.elbo, reduce_retracing=True)
    write = tf.function(model.write, reduce_retracing=True)
    parts: dict[str, list[np.ndarray]] = {}

    def add(name, values, rows):
        parts.setdefault(name, []).append(np.asarray(values, np.float64)[rows])

    for batch in dataset:
        images, mask = batch.images, batch.mask
        real = np.flatnonzero(np.any(mask.numpy() > 0, axis=1))
        seeds = noise.fold_in(batch.seeds, seed_salt)
        memory = None  # None: the model writes it while it scores
        if memory_transform is not None:
            memory = memory_transform(write(images, mask))
        elbo = score(images, seeds, mask, memory=memory)
        for name, term in zip(TERMS, elbo, strict=True):
            add(name, tf.reduce_sum(term, axis=1), real)
        add("bound", tf.reduce_sum(elbo.bound, axis=1), real)
        add("count", tf.reduce_sum(mask, axis=1), real)
        if num_samples:
            weights = [
                -score(
                    images,
                    noise.fold_in(seeds, n),
                    mask,
                    memory=memory,
                    analytic=False,
                ).bound
                for n in range(1, num_samples + 1)
            ]
            log_mean = tf.reduce_logsumexp(weights, axis=0) - np.log(num_samples)
            total = tf.reduce_sum(-log_mean * mask, axis=1)
            add("importance_weighted_bound", total, real)
        if swapped and len(real) > 1:
            # The next real episode's memory: padding rows have none worth reading.
            order = np.arange(len(mask))
            order[real] = np.roll(real, -1)
            if memory is None:
                memory = write(images, mask)
            theirs = tf.nest.map_structure(
                lambda part, order=order: tf.gather(part, order), memory
            )
            other = score(images, seeds, mask, memory=theirs)
            add("bound_swapped_memory", tf.reduce_sum(other.bound, axis=1), real)
            add("count_swapped", tf.reduce_sum(mask, axis=1), real)
        if progress is not None:
            progress()
    if not parts:
        raise ValueError("the data set holds no image to evaluate")
    return _averages({k: np.concatenate(v) for k, v in parts.items()}, model)


def _averages(sums, model):
    """Sums of each episode to averages of an image."""
    counts = sums.pop("count")
    swapped_counts = sums.pop("count_swapped", None)
    total = counts.sum()
    results = {}
    for name, values in sums.items():
        swapped = name == "bound_swapped_memory"
        number = swapped_counts.sum() if swapped else total
        results[name] = float(values.sum() / number)
    # Images of an episode share a memory: the episodes are what is independent.
    deviations = sums["bound"] - counts * results["bound"]
    episodes = len(counts)
    if episodes > 1:
        variance = np.sum(deviations**2) * episodes / (episodes - 1)
        results["bound_standard_error"] = float(np.sqrt(variance) / total)
    dims = int(np.prod(model.image_shape))
    results["bits_per_dim"] = likelihoods.bits_per_dim(results["bound"], dims)
    results["images"] = int(total)
    return results

"""Bounds of -ln p(x given M): of written images, of others, of another's memory."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import tensorflow as tf

from kpp_tf import likelihoods, noise
from kpp_tf.data import Episodes
from kpp_tf.evaluation.averages import Totals, figure
from kpp_tf.evaluation.scorer import Scorer
from kpp_tf.models import Elbo, Memory

TERMS = Elbo._fields
IMAGES_AT_ONCE = 512

Score = Callable[..., Elbo]


def stored(
    model: Scorer,
    dataset: Iterable[Episodes],
    samples: int = 0,
    transform: Callable[[Memory], Memory] | None = None,
) -> dict:
    """The bound over images that were written: the published quantity.

    All images of an episode are written, then scored under their memory.

    Args:
      model: with trained weights.
      dataset: batches of `Episodes`, e.g. `evaluation_episodes`.
      samples: N of the importance-weighted bound -E[ln 1/N sum_n w_n] (Burda et al.,
        ICLR 2016), which takes the place of the bound; 0 takes the bound.
      transform: what happens to a memory between writing and reading, such as being
        stored with fewer bits.

    Returns:
      `value`, `standard_error` (over episodes) and `unit`, lower is better; `images`,
      their number; `terms` of the bound, in nats/image, where `samples` is 0.

    Raises:
      ValueError: if the data set holds no image.
    """
    write = tf.function(model.write, reduce_retracing=True)

    def passes(batch):
        if transform is None:
            yield batch.mask, {}
        else:
            memory = transform(write(batch.images, batch.mask))
            yield batch.mask, {"memory": memory}

    return _bound(model, dataset, passes, samples)


def unseen(model: Scorer, dataset: Iterable[Episodes], samples: int = 0) -> dict:
    """The bound over images that were not written: what the model knows.

    Each episode's first half is written and its second half scored, then the other way
    round: every image is scored once, under a memory that holds half as many images of
    the same split (of the same group, where episodes are grouped).

    Arguments, returns and errors: see `stored`.
    """

    def passes(batch):
        place = tf.cumsum(batch.mask, axis=1)
        half = tf.floor(tf.reduce_sum(batch.mask, axis=1, keepdims=True) / 2)
        first = batch.mask * tf.cast(place <= half, tf.float32)
        second = batch.mask - first
        yield second, {"written": first}
        yield first, {"written": second}

    return _bound(model, dataset, passes, samples)


def swapped(model: Scorer, dataset: Iterable[Episodes]) -> dict:
    """The bound of each episode under the memory of its batch's next episode.

    How far it lies above `stored` shows how much is read from the memory.

    Arguments, returns and errors: see `stored`; a batch's lone episode is left out.
    """
    write = tf.function(model.write, reduce_retracing=True)

    def passes(batch):
        real = tf.where(tf.reduce_any(batch.mask > 0, axis=1))[:, 0]
        if len(real) < 2:
            return
        # Padding rows have no memory worth reading: they keep their own.
        order = tf.tensor_scatter_nd_update(
            tf.range(len(batch.mask), dtype=tf.int64),
            real[:, None],
            tf.roll(real, -1, 0),
        )
        memory = tf.nest.map_structure(
            lambda part: tf.gather(part, order), write(batch.images, batch.mask)
        )
        yield batch.mask, {"memory": memory}

    return _bound(model, dataset, passes, 0)


def evaluate(model: Scorer, dataset: Iterable[Episodes]) -> dict[str, float]:
    """What a training run reports of a split: `stored`, flat.

    Returns:
      `bound` and its terms `log_likelihood`, `kl_latents`, `kl_keys`, `kl_memory` in
      nats/image; `bound_standard_error`, unless there is but one episode;
      `bits_per_dim`, of the bound; `images`, their number.
    """
    score = tf.function(model.elbo, reduce_retracing=True)
    totals = Totals()
    for batch in dataset:
        totals.add(image_bounds(score, batch), batch.mask)
    bound, error = totals.mean("bound")
    results = totals.means()
    if error is not None:
        results["bound_standard_error"] = error
    dims = math.prod(model.image_shape)
    results["bits_per_dim"] = likelihoods.bits_per_dim(bound, dims)
    results["images"] = totals.images
    return results


def image_bounds(
    score: Score, batch: Episodes, samples: int = 0, **given: Any
) -> dict[str, tf.Tensor]:
    """The bound of every image of a batch, in nats.

    Args:
      score: `model.elbo`, or what is called as it is, as a graph.
      batch: B episodes.
      samples: see `stored`.
      **given: of `score`: `written`, `memory`.

    Returns:
      `bound` and, where `samples` is 0, its terms: [B, T] each.
    """
    images, seeds, mask = batch.images, batch.seeds, batch.mask
    if not samples:
        elbo = score(images, seeds, mask, **given)
        return {"bound": elbo.bound, **elbo._asdict()}
    rows, length = images.shape[:2]
    # As many samples at once as fit. Each has its own seed: no result depends on it.
    at_once = max(1, min(samples, IMAGES_AT_ONCE // (rows * length)))
    log_sum = tf.fill([rows, length], -math.inf)
    for first in range(0, samples, at_once):
        numbers = range(first, min(first + at_once, samples))
        many = len(numbers)
        elbo = score(
            _repeated(images, many),
            tf.concat([noise.fold_in(seeds, 1 + n) for n in numbers], axis=0),
            _repeated(mask, many),
            analytic=False,
            **_repeated(given, many),
        )
        log_weights = tf.reshape(-elbo.bound, [many, rows, length])
        log_weights = tf.concat([log_sum[None], log_weights], axis=0)
        log_sum = tf.reduce_logsumexp(log_weights, axis=0)
    return {"bound": math.log(samples) - log_sum}


def _repeated(structure, many):
    """Every tensor `many` times, one copy of the batch after the other."""
    return tf.nest.map_structure(
        lambda part: tf.concat([part] * many, axis=0), structure
    )


def _bound(
    model: Scorer,
    dataset: Iterable[Episodes],
    passes: Callable[[Episodes], Iterator[tuple[tf.Tensor, dict[str, Any]]]],
    samples: int,
) -> dict:
    """Scores every batch in passes: each says which images count and what is given."""
    score = tf.function(model.elbo, reduce_retracing=True)
    totals = Totals()
    for batch in dataset:
        # All passes over an episode make one row: they are not independent.
        scored = [
            (image_bounds(score, batch, samples, **given), counted)
            for counted, given in passes(batch)
        ]
        if scored:
            numbers = {
                name: tf.concat([numbers[name] for numbers, _ in scored], axis=1)
                for name in scored[0][0]
            }
            totals.add(numbers, tf.concat([counted for _, counted in scored], axis=1))
    results = {**figure(totals, "bound", model), "images": totals.images}
    if not samples:
        means = totals.means()
        results["terms"] = {name: means[name] for name in TERMS}
    return results

"""Bounds of -ln p(x given M): stored and unseen images, another or an empty memory."""

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
# What is scored in turn of a batch: which images count, and what `Score` is given.
Pass = Iterator[tuple[tf.Tensor, dict[str, Any]]]


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
      transform: changes a memory between writing and reading, such as storing it with
        fewer bits.

    Returns:
      `value`, `standard_error` (over episodes) and `unit`, lower is better; `images`,
      their number; `terms` of the bound, in nats/image, where `samples` is 0.

    Raises:
      ValueError: if the data set holds no image.
    """
    write = tf.function(model.write, reduce_retracing=True)

    def passes(batch: Episodes) -> Pass:
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
    return _bound(model, dataset, _by_halves, samples)


def empty(model: Scorer, dataset: Iterable[Episodes]) -> dict:
    """The bound over all images under a memory in which nothing is written.

    The control of `unseen`: the difference is what the held images bring.

    Arguments and errors: see `stored`.

    Returns:
      As `stored`; and `unseen_minus_empty`: `value`, `standard_error` and `unit` of the
      difference to `unseen`, image by image (the error is of the paired difference).
    """
    score = tf.function(model.elbo, reduce_retracing=True)
    totals = Totals()
    for batch in dataset:
        numbers = image_bounds(score, batch, written=_first(batch, 0))
        known = tf.zeros_like(batch.mask)
        for counted, given in _by_halves(batch):
            found = image_bounds(score, batch, **given)["bound"]
            known = tf.where(counted > 0, found, known)
        totals.add({**numbers, "difference": known - numbers["bound"]}, batch.mask)
    return {
        **_summary(totals, model),
        "unseen_minus_empty": figure(totals, "difference", model),
    }


def held_curve(model: Scorer, dataset: Iterable[Episodes]) -> list[dict]:
    """The bound over images that were not written, by how many others were.

    The first n images of each episode are written and the rest scored, for n = 0, the
    powers of 4 below T - 1, and T - 1: 0, 1, 4, 16 and 31 of 32.

    Arguments and errors: see `stored`.

    Returns:
      For each n: `held`, which is n; `value`, `standard_error`, `unit` and `images`, as
      of `stored`; and `minus_empty`, the same of the difference to the bound of the
      same images under an empty memory. An n that leaves nothing to score is left out.
    """
    score = tf.function(model.elbo, reduce_retracing=True)
    by_count: dict[int, Totals] = {}
    for batch in dataset:
        nothing = image_bounds(score, batch, written=_first(batch, 0))["bound"]
        for count in _counts(batch.images.shape[1]):
            held = _first(batch, count)
            found = nothing
            if count:
                found = image_bounds(score, batch, written=held)["bound"]
            numbers = {"bound": found, "difference": found - nothing}
            # Short episodes are held whole: they leave nothing to score.
            by_count.setdefault(count, Totals()).add(numbers, batch.mask - held)
    return [
        {
            "held": count,
            **figure(totals, "bound", model),
            "images": totals.images,
            "minus_empty": figure(totals, "difference", model),
        }
        for count, totals in by_count.items()
        if totals.images
    ]


def swapped(model: Scorer, dataset: Iterable[Episodes]) -> dict:
    """The bound of each episode under the memory of its batch's next episode.

    How far it lies above `stored` shows how much is read from the memory.

    Arguments, returns and errors: see `stored`; a batch's lone episode is left out.
    """
    write = tf.function(model.write, reduce_retracing=True)

    def passes(batch: Episodes) -> Pass:
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
    """`stored` in a flat form, as a training run reports it.

    Returns:
      `bound` and its terms `log_likelihood`, `kl_latents`, `kl_keys`, `kl_memory` in
      nats/image; `bound_standard_error`, with two episodes or more; `bits_per_dim`, of
      the bound; `images`, their number.
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
      score: `model.elbo`, or a function with its arguments, as a graph.
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
    # Each sample has its own seed: results do not depend on how many fit at once.
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


def _repeated(structure: Any, many: int) -> Any:
    """Every tensor `many` times, one copy of the batch after the other."""
    return tf.nest.map_structure(
        lambda part: tf.concat([part] * many, axis=0), structure
    )


def _bound(
    model: Scorer,
    dataset: Iterable[Episodes],
    passes: Callable[[Episodes], Pass],
    samples: int,
) -> dict:
    """Scores every batch in passes."""
    score = tf.function(model.elbo, reduce_retracing=True)
    totals = Totals()
    for batch in dataset:
        # All passes over an episode are one row: they are not independent.
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
    return _summary(totals, model, terms=not samples)


def _summary(totals: Totals, model: Scorer, terms: bool = True) -> dict:
    results = {**figure(totals, "bound", model), "images": totals.images}
    if terms:
        results["terms"] = {name: totals.mean(name)[0] for name in TERMS}
    return results


def _first(batch: Episodes, count: tf.Tensor | int) -> tf.Tensor:
    """The first `count` real frames of each episode: float32 [B, T] of 0 and 1."""
    place = tf.cumsum(batch.mask, axis=1)
    return batch.mask * tf.cast(place <= tf.cast(count, tf.float32), tf.float32)


def _by_halves(batch: Episodes) -> Pass:
    """Scores each half of an episode under a memory of the other half."""
    half = tf.floor(tf.reduce_sum(batch.mask, axis=1, keepdims=True) / 2)
    first = _first(batch, half)
    second = batch.mask - first
    yield second, {"written": first}
    yield first, {"written": second}


def _counts(length: int) -> list[int]:
    """How many of `length` frames `held_curve` writes: 0, powers of 4, all but one."""
    powers = [4**k for k in range(length.bit_length()) if 4**k < length - 1]
    return sorted({0, *powers, length - 1})

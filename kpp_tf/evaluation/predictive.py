"""The bound of each image given the images before it."""

from collections.abc import Iterable

import tensorflow as tf

from kpp_tf import noise
from kpp_tf.data import Episodes
from kpp_tf.evaluation.averages import Totals, figure
from kpp_tf.evaluation.bounds import image_bounds
from kpp_tf.evaluation.scorer import Scorer


def predictive(model: Scorer, dataset: Iterable[Episodes], samples: int = 0) -> dict:
    """The bound of -ln p(x_t given M(x_<t)), its mean over t and its curve.

    By the chain rule the sum over t bounds -ln p(X): the mean compares with any density
    model. On episodes of one class the curve is few-shot generation.

    Args:
      model: with trained weights. If it has `predictive_elbo(episode, seeds, mask)`,
        that scores all t at once. Otherwise each prefix is written, and frame t scored
        under its memory as an episode of one. Either way the memory cannot hold
        anything of frame t or later frames.
      dataset: batches of `Episodes`.
      samples: N of the importance-weighted bound; 0 takes the bound.

    Returns:
      `value`, `standard_error` and `unit` as of `bounds.stored`; `images`; and `curve`,
      a list over t of `seen` (images before it), `value` and `standard_error`.
    """
    if hasattr(model, "predictive_elbo"):
        score = tf.function(model.predictive_elbo, reduce_retracing=True)

        def bounds_of(batch: Episodes) -> tf.Tensor:
            return image_bounds(score, batch, samples)["bound"]
    else:
        score = tf.function(model.elbo, reduce_retracing=True)
        write = tf.function(model.write, reduce_retracing=True)

        def bounds_of(batch: Episodes) -> tf.Tensor:
            columns = []
            for place in range(batch.images.shape[1]):
                memory = write(*_before(batch, place))
                frame = _frame(batch, place)
                found = image_bounds(score, frame, samples, memory=memory)
                columns.append(found["bound"])
            return tf.concat(columns, axis=1)

    totals = Totals()
    by_place: list[Totals] = []
    for batch in dataset:
        found = bounds_of(batch)
        totals.add({"bound": found}, batch.mask)
        by_place = by_place or [Totals() for _ in range(found.shape[1])]
        for place, column in enumerate(by_place):
            here = slice(place, place + 1)
            column.add({"bound": found[:, here]}, batch.mask[:, here])
    curve = []
    for seen, column in enumerate(by_place):
        if column.images:
            point = figure(column, "bound", model)
            del point["unit"]
            curve.append({"seen": seen, **point})
    return {**figure(totals, "bound", model), "images": totals.images, "curve": curve}


def _before(batch: Episodes, place: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Images and mask of the frames before a place; later frames become padding."""
    earlier = tf.range(batch.mask.shape[1]) < place
    mask = batch.mask * tf.cast(earlier, tf.float32)
    return batch.images * mask[:, :, None, None, None], mask


def _frame(batch: Episodes, place: int) -> Episodes:
    """Frame `place` of each episode, with its own seeds."""
    here = slice(place, place + 1)
    return Episodes(
        images=batch.images[:, here],
        mask=batch.mask[:, here],
        index=batch.index[:, here],
        seeds=noise.fold_in(batch.seeds, place),
    )

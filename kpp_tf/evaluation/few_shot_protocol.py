"""Few-shot generation: what images of its class are worth to the next one."""

from collections.abc import Callable, Iterable

import numpy as np

from kpp_tf.data import Episodes
from kpp_tf.evaluation.predictive import predictive
from kpp_tf.evaluation.scorer import Scorer

PARTITIONS = 5


def few_shot(
    model: Scorer,
    classes: Callable[[bool, int], Iterable[Episodes]],
    samples: int,
    say: Callable[[str], None] = lambda line: None,
) -> dict:
    """The importance-weighted predictive curve over episodes of one class each.

    Twice: over new images alone, and over images that are drawn with replacement, as in
    the published figures. There the next image is a copy of one of the n before it with
    probability 1 - (1 - 1/c)^n, c being the images of the class, and recall counts.

    Args:
      model: with trained weights.
      classes: episodes of one class each, from whether they are drawn with replacement
        and the number of the partition into episodes.
      samples: N of the bound.
      say: takes a line before each partition, which can take minutes.

    Returns:
      `samples`; `partitions`, their number; `without_replacement` and
      `with_replacement`, lists over the images seen of `seen`, `value` (the mean over
      the partitions, lower is better), `standard_error` (of it, over partitions).
    """
    results: dict = {"samples": samples, "partitions": PARTITIONS}
    for replacement in (False, True):
        name = "with_replacement" if replacement else "without_replacement"
        curves = []
        for number in range(PARTITIONS):
            words = name.replace("_", " ")
            say(f"few_shot, {words}, partition {1 + number} of {PARTITIONS}")
            found = predictive(model, classes(replacement, number), samples)
            curves.append([point["value"] for point in found["curve"]])
        values = np.array(curves)
        errors = values.std(axis=0, ddof=1) / np.sqrt(PARTITIONS)
        results[name] = [
            {"seen": seen, "value": float(value), "standard_error": float(error)}
            for seen, (value, error) in enumerate(
                zip(values.mean(axis=0), errors, strict=True)
            )
        ]
    return results

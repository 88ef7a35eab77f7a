"""The few-shot protocol: the bound of an image given others of its class."""

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

    Twice: over distinct images, and over images drawn with replacement, as in the
    published figures. There the next image is a copy of one of the n before it with
    probability 1 - (1 - 1/c)^n, for c images in the class, so that recall counts.

    Args:
      model: with trained weights.
      classes: gives episodes of one class each, called with whether images are drawn
        with replacement and the number of the partition into episodes.
      samples: N of the bound.
      say: takes a line before each partition, which may take minutes.

    Returns:
      `samples`; `partitions`, their number; `without_replacement` and
      `with_replacement`, lists over the number of images seen, of `seen`, `value` (the
      mean over partitions, lower is better) and its `standard_error` over partitions.
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

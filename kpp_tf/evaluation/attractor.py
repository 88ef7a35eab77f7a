"""Whether repeated reading leads from a damaged image to the stored one."""

import functools
from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from kpp_tf.data import Episodes
from kpp_tf.evaluation import pixels
from kpp_tf.evaluation.averages import Totals
from kpp_tf.evaluation.corruptions import hide_half, salt_and_pepper
from kpp_tf.models import MemoryModel

STEPS = 5
NOISE = (0.1, 0.2, 0.3, 0.4, 0.5)


def attractor(
    model: MemoryModel, dataset: Iterable[Episodes], steps: int = STEPS
) -> list[dict]:
    """The error against the clean image over steps of iterative inference.

    Args:
      model: with trained weights.
      dataset: batches of `Episodes`, whose images are written and then damaged.
      steps: how often `model.refine` is applied.

    Returns:
      For salt and pepper on 10% to 50% of the pixels, and for a hidden lower half:
      `damage`, its name; `step_0` (the damaged image) to `step_N`, the mean absolute
      error of a pixel; `found`, the share of images whose last reading is nearer to
      them than to any other written image.
    """
    write, refine = tf.function(model.write), tf.function(model.refine)
    damages: dict[str, Callable] = {
        f"salt and pepper, {share:.0%}": functools.partial(salt_and_pepper, share=share)
        for share in NOISE
    }
    damages["lower half hidden"] = lambda images, seeds: hide_half(images)
    totals = {name: Totals() for name in damages}
    for batch in dataset:
        images, counted = batch.images.numpy(), batch.mask.numpy()
        memory = write(batch.images, batch.mask)
        for name, damage in damages.items():
            reading, numbers = damage(batch.images, batch.seeds), {}
            for step in range(steps + 1):
                reading = refine(memory, reading) if step else reading
                error = np.abs(reading.numpy() - images).mean(axis=(2, 3, 4))
                numbers[f"step_{step}"] = error
            numbers["found"] = np.zeros(counted.shape)
            for row, real in enumerate(counted > 0):
                if real.any():
                    last, clean = reading.numpy()[row, real], images[row, real]
                    nearest = pixels.distances(last, clean).argmin(axis=1)
                    numbers["found"][row, real] = nearest == np.arange(real.sum())
            totals[name].add(numbers, counted)
    return [{"damage": name, **total.means()} for name, total in totals.items()]

"""Exponential moving average of the weights.

`tf.train.ExponentialMovingAverage` has the same formula, but would read the number of
updates from the optimiser's counter, which is one ahead when the average is updated.
"""

import contextlib
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf


class WeightAverage:
    """Averages of the weights, updated after each step of the optimiser.

        a <- d_t a + (1 - d_t) w,    d_t = min(decay, (1 + t) / (10 + t))

    where t is the number of updates before this one: early weights are soon forgotten.

    Args:
      weights: the model's weights; create this in the same strategy scope.
      decay: d, in (0, 1).
    """

    def __init__(self, weights: Sequence[keras.Variable], decay: float):
        self.decay = decay
        self.weights = list(weights)
        self.averages = [
            tf.Variable(
                tf.convert_to_tensor(weight),
                trainable=False,
                # Equal on all replicas, because the weights are.
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
                name=f"average/{weight.path.partition('/')[2]}",
            )
            for weight in self.weights
        ]

    def update(self, updates: tf.Tensor) -> None:
        """Averages in the weights; `updates` is t, the updates before this one."""
        t = tf.cast(updates, tf.float32)
        rate = 1.0 - tf.minimum(self.decay, (1.0 + t) / (10.0 + t))
        for average, weight in zip(self.averages, self.weights, strict=True):
            value = tf.convert_to_tensor(weight)
            average.assign_sub(rate * (tf.convert_to_tensor(average) - value))

    def restart(self) -> None:
        """Sets the averages to the weights."""
        for average, weight in zip(self.averages, self.weights, strict=True):
            average.assign(weight.numpy())

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Gives the model the averages as its weights within the block."""
        kept = [weight.numpy() for weight in self.weights]
        try:
            for weight, average in zip(self.weights, self.averages, strict=True):
                weight.assign(average.numpy())
            yield
        finally:
            for weight, value in zip(self.weights, kept, strict=True):
                weight.assign(value)

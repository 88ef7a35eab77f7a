"""Exponential moving average of the weights."""

import contextlib
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf


class WeightAverage:
    """Follows the weights: after each update, with t updates before it,.

        a <- d_t a + (1 - d_t) w,    d_t = min(decay, (1 + t) / (10 + t)),

    so that the first, bad weights are forgotten at once.

    Args:
      weights: the model's weights; create this in the same strategy scope.
      decay: d, in (0, 1).
    """

    def __init__(self, weights: Sequence[keras.Variable], decay: float):
        if not 0 < decay < 1:
            raise ValueError(
                f"config.train.ema_decay must lie in [0, 1). Received: {decay}"
            )
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
        """Takes the weights in; `updates` is t, how many were made before this one."""
        t = tf.cast(updates, tf.float32)
        rate = 1.0 - tf.minimum(self.decay, (1.0 + t) / (10.0 + t))
        for average, weight in zip(self.averages, self.weights, strict=True):
            value = tf.convert_to_tensor(weight)
            average.assign_sub(rate * (tf.convert_to_tensor(average) - value))

    def restart(self) -> None:
        """Takes the weights as they are for the average."""
        for average, weight in zip(self.averages, self.weights, strict=True):
            average.assign(weight.numpy())

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Lends the averages to the model: its weights are these within the block."""
        kept = [weight.numpy() for weight in self.weights]
        try:
            for weight, average in zip(self.weights, self.averages, strict=True):
                weight.assign(average.numpy())
            yield
        finally:
            for weight, value in zip(self.weights, kept, strict=True):
                weight.assign(value)

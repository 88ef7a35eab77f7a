"""Optimisers and their schedules."""

from __future__ import annotations

import math
from collections.abc import Callable

import keras
import tensorflow as tf
from ml_collections import ConfigDict

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@keras.saving.register_keras_serializable(package="kpp_tf")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up, then half a cosine.

        rate(s) = peak (s + 1) / warmup                                     s < warmup
        rate(s) = final + (peak - final) (1 + cos(pi p)) / 2                otherwise
        p = min(1, (s - warmup) / (steps - warmup))

    Reference: Loshchilov, Hutter, "SGDR: Stochastic Gradient Descent with Warm
    Restarts", ICLR 2017 (without restarts).

    Args:
      peak: the rate at the end of the warm-up.
      steps: the step at which `final` is reached.
      warmup: steps of the warm-up.
      final: the rate at the end.
    """

    def __init__(self, peak: float, steps: int, warmup: int = 0, final: float = 0.0):
        self.peak = peak
        self.steps = steps
        self.warmup = warmup
        self.final = final

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """The rate of update number `step`, counted from 0: float32."""
        step = tf.cast(step, tf.float32)
        rising = self.peak * (step + 1.0) / max(self.warmup, 1)
        progress = (step - self.warmup) / max(self.steps - self.warmup, 1)
        cosine = tf.cos(math.pi * tf.clip_by_value(progress, 0.0, 1.0))
        falling = self.final + (self.peak - self.final) * 0.5 * (1.0 + cosine)
        return tf.where(step < self.warmup, rising, falling)

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {
            "peak": self.peak,
            "steps": self.steps,
            "warmup": self.warmup,
            "final": self.final,
        }


def kl_weight(step: tf.Tensor, warmup_steps: int) -> tf.Tensor:
    """beta of the objective: min(1, step / warmup_steps), float32; 1 for no warm-up."""
    if not warmup_steps:
        return tf.ones([])
    return tf.minimum(1.0, tf.cast(step, tf.float32) / warmup_steps)


class _Reduced:
    """For an optimiser whose gradients come summed over the replicas.

    Clipping needs the norm of the whole gradient, so the training step sums first;
    Keras would sum once more.
    """

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return list(grads_and_vars)


@keras.saving.register_keras_serializable(package="kpp_tf")
class Adam(_Reduced, keras.optimizers.Adam):
    """`keras.optimizers.Adam` on gradients that are summed already."""


@keras.saving.register_keras_serializable(package="kpp_tf")
class AdamW(_Reduced, keras.optimizers.AdamW):
    """`keras.optimizers.AdamW` on gradients that are summed already."""


@keras.saving.register_keras_serializable(package="kpp_tf")
class Lamb(_Reduced, keras.optimizers.Lamb):
    """`keras.optimizers.Lamb` on gradients that are summed already.

    Weight decay is decoupled (w -= rate * decay * w before the update), where the
    publication has it inside the update whose norm is taken.
    """


@keras.saving.register_keras_serializable(package="kpp_tf")
class Lars(_Reduced, keras.optimizers.Optimizer):
    """Layer-wise adaptive rate scaling, with momentum v.

        g <- g + decay w
        v <- momentum v + rate trust |w| / |g| g
        w <- w - v

    with the norms of one kernel each, and the factor |w| / |g| replaced by
    1 / trust where a norm is 0. Other variables (biases, norms) take the plain step
    v <- momentum v + rate g, without decay.

    Reference: You, Gitman, Ginsburg, "Large Batch Training of Convolutional Networks",
    2017. There the norm in the denominator is |g| + decay |w|, an upper bound of this.

    Args:
      learning_rate: a rate or a schedule.
      weight_decay: of kernels.
      momentum: in [0, 1).
      trust: the trust coefficient.
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 0.1,
        weight_decay: float = 0.0,
        momentum: float = 0.9,
        trust: float = 1e-3,
        name: str = "lars",
    ):
        # Keras' own decay is decoupled from the rate's scaling; this one is not.
        super().__init__(learning_rate=learning_rate, name=name)
        self.decay = weight_decay
        self.momentum = momentum
        self.trust = trust

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._velocities = self.add_optimizer_variables(variables, "velocity")
        self._adapts = [decays(variable) for variable in variables]

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        velocity = self._velocities[index]
        rate = tf.cast(learning_rate, gradient.dtype)
        if self._adapts[index]:
            weights = tf.convert_to_tensor(variable)
            gradient += self.decay * weights
            of_weights, of_gradient = tf.norm(weights), tf.norm(gradient)
            ratio = self.trust * tf.math.divide_no_nan(of_weights, of_gradient)
            rate *= tf.where(ratio > 0, ratio, 1.0)
        value = self.momentum * tf.convert_to_tensor(velocity.value) + rate * gradient
        self.assign(velocity, value)
        self.assign_sub(variable, value)

    def get_config(self):
        return {
            "learning_rate": keras.saving.serialize_keras_object(self._learning_rate)
            if callable(self._learning_rate)
            else float(self.learning_rate.numpy()),
            "weight_decay": self.decay,
            "momentum": self.momentum,
            "trust": self.trust,
            "name": self.name,
        }


def decays(variable: keras.Variable) -> bool:
    """Weight decay is for kernels: not for biases, norms, or places of slots."""
    return variable.path.endswith("kernel")


_BY_NAME: dict[str, Callable[..., keras.optimizers.Optimizer]] = {
    "adam": Adam,
    "adamw": AdamW,
    "lamb": Lamb,
    "lars": Lars,
}


def make_optimizer(
    train_config: ConfigDict, variables: list[keras.Variable]
) -> keras.optimizers.Optimizer:
    """The optimiser that `config.train` asks for, its slots created.

    Args:
      train_config: `config.train`; uses `optimizer`, `learning_rate`,
        `final_learning_rate`, `warmup_steps`, `steps`, `weight_decay`, `precision`.
      variables: the model's trainable variables.

    Returns:
      A Keras optimiser; with precision "mixed_float16" a `LossScaleOptimizer` round it.

    Raises:
      ValueError: for an unknown optimiser or precision, or for weight decay with an
        optimiser that has none.
    """
    name = train_config.optimizer
    if name not in _BY_NAME:
        raise ValueError(
            f"config.train.optimizer must be one of {sorted(_BY_NAME)}. "
            f"Received: {name!r}"
        )
    if train_config.precision not in PRECISIONS:
        raise ValueError(
            f"config.train.precision must be one of {PRECISIONS}. "
            f"Received: {train_config.precision!r}"
        )
    schedule = WarmupCosine(
        train_config.learning_rate,
        train_config.steps,
        train_config.warmup_steps,
        train_config.final_learning_rate,
    )
    arguments = {}
    if name == "adam":
        if train_config.weight_decay:
            raise ValueError(
                "adam has no weight decay; choose adamw, lamb or lars, or set "
                "config.train.weight_decay to 0. Received: "
                f"{train_config.weight_decay}"
            )
    else:
        arguments["weight_decay"] = train_config.weight_decay
    optimizer = _BY_NAME[name](schedule, **arguments)
    if name in ("adamw", "lamb"):
        optimizer.exclude_from_weight_decay([v for v in variables if not decays(v)])
    if train_config.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(variables)
    return optimizer

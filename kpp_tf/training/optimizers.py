"""Optimisers and their learning rate."""

from collections.abc import Callable

import keras
from keras.optimizers.schedules import CosineDecay
from ml_collections import ConfigDict


def learning_rate(train_config: ConfigDict) -> CosineDecay:
    """Linear warm-up, then half a cosine, of update number s, counted from 0.

        rate(s) = peak (1 + (w - 1) s / w) / w                               s < w
        rate(s) = final + (peak - final) (1 + cos(pi p)) / 2                 otherwise
        p = min(1, (s - w) / (steps - w))

    with w = `warmup_steps`: the first update has a rate too.

    Reference: Loshchilov, Hutter, "SGDR: Stochastic Gradient Descent with Warm
    Restarts", ICLR 2017 (without restarts).

    Args:
      train_config: `config.train`; uses `learning_rate` (the peak),
        `final_learning_rate`, `warmup_steps`, `steps`.
    """
    peak, warmup = train_config.learning_rate, train_config.warmup_steps
    return CosineDecay(
        initial_learning_rate=peak / warmup if warmup else peak,
        decay_steps=max(train_config.steps - warmup, 1),
        alpha=train_config.final_learning_rate / peak,
        warmup_target=peak if warmup else None,
        warmup_steps=warmup,
    )


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


def decays(variable: keras.Variable) -> bool:
    """Weight decay is for kernels: not for biases, norms, or places of slots."""
    return variable.path.endswith("kernel")


_BY_NAME: dict[str, Callable[..., keras.optimizers.Optimizer]] = {
    "adam": Adam,
    "adamw": AdamW,
    "lamb": Lamb,
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
    """
    name, arguments = train_config.optimizer, {}
    if name != "adam":
        arguments["weight_decay"] = train_config.weight_decay
    optimizer = _BY_NAME[name](learning_rate(train_config), **arguments)
    if name != "adam":
        optimizer.exclude_from_weight_decay([v for v in variables if not decays(v)])
    if train_config.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(variables)
    return optimizer

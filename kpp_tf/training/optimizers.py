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


def decays(variable: keras.Variable) -> bool:
    """Weight decay is for kernels: not for biases, norms, or places of slots."""
    return variable.path.endswith("kernel")


_BY_NAME: dict[str, Callable[..., keras.optimizers.Optimizer]] = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    # Keras decouples Lamb's weight decay (w -= rate * decay * w before the update),
    # where the publication has it inside the update whose norm is taken.
    "lamb": keras.optimizers.Lamb,
}


def make_optimizer(
    train_config: ConfigDict, variables: list[keras.Variable]
) -> keras.optimizers.Optimizer:
    """The optimiser that `config.train` asks for, its slots created.

    It takes gradients that are summed over the replicas already.

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
    # Clipping needs the norm of the whole gradient, so the training step sums first;
    # Keras would sum once more.
    optimizer._all_reduce_sum_gradients = list
    if name != "adam":
        optimizer.exclude_from_weight_decay([v for v in variables if not decays(v)])
    if train_config.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(variables)
    return optimizer

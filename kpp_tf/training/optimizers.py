"""Optimisers."""

from collections.abc import Callable
from typing import Any

import keras
from ml_collections import ConfigDict

from kpp_tf.training.schedules import learning_rate


def decays(variable: keras.Variable) -> bool:
    """Whether weight decay applies: to kernels, not to biases, norms or slot places."""
    return variable.path.endswith("kernel")


_BY_NAME: dict[str, Callable[..., keras.optimizers.Optimizer]] = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    # Keras decouples Lamb's weight decay (w -= rate * decay * w before the update); the
    # publication has it inside the update whose norm is taken.
    "lamb": keras.optimizers.Lamb,
}


def make_optimizer(
    train_config: ConfigDict, variables: list[keras.Variable]
) -> keras.optimizers.Optimizer:
    """The optimiser that `config.train` asks for, its slots created.

    It takes gradients that are already summed over the replicas.

    Args:
      train_config: `config.train`; uses `optimizer`, `learning_rate`,
        `final_learning_rate`, `warmup_steps`, `steps`, `weight_decay`, `precision`.
      variables: the model's trainable variables.

    Returns:
      A Keras optimiser, inside a `LossScaleOptimizer` for precision "mixed_float16".
    """
    name = train_config.optimizer
    arguments: dict[str, Any] = {}
    if name != "adam":
        arguments["weight_decay"] = train_config.weight_decay
    optimizer = _BY_NAME[name](learning_rate(train_config), **arguments)
    # Clipping needs the norm of the whole gradient, so the training step sums over the
    # replicas; Keras would sum again.
    optimizer._all_reduce_sum_gradients = list
    if name != "adam":
        optimizer.exclude_from_weight_decay([v for v in variables if not decays(v)])
    if train_config.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(variables)
    return optimizer

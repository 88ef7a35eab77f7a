"""What changes over a run: the learning rate and the weight of the KLs."""

import tensorflow as tf
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


def kl_weight(step: tf.Tensor, warmup_steps: int) -> tf.Tensor:
    """beta of the loss: min(1, step / warmup_steps), float32; 1 for no warm-up."""
    if not warmup_steps:
        return tf.ones([])
    return tf.minimum(1.0, tf.cast(step, tf.float32) / warmup_steps)

"""The training step: one function of (images, mask, seeds, step), fit for XLA."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf
from ml_collections import ConfigDict

from kpp_tf.models import Elbo, MemoryModel
from kpp_tf.training.objective import kl_weight, objective
from kpp_tf.training.weight_average import WeightAverage

# What a step returns: means over the images of the global batch, in nats, and what
# the optimiser did.
TERMS = ("loss", *Elbo._fields)
METRICS = (*TERMS, "gradient_norm", "learning_rate", "kl_weight")

Step = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def make_train_step(
    model: MemoryModel,
    optimizer: keras.optimizers.Optimizer,
    train_config: ConfigDict,
    average: WeightAverage | None = None,
    num_replicas: int = 1,
) -> Step:
    """The step of one replica.

    Gradients and metrics are those of one device with the global batch: sums over
    images, added over replicas, divided by the number of images that count.

    Args:
      model: the model, weights created.
      optimizer: of `make_optimizer`.
      train_config: `config.train`; uses `kl_warmup_steps`, `free_bits`, `clip_norm`,
        `jit_compile`.
      average: of the weights, or None.
      num_replicas: replicas that run this step together.

    Returns:
      A function of images float32 [b, T, H, W, C] in [0, 1], mask float32 [b, T],
      seeds int32 [b, 2] (b: this replica's episodes) and step int64 [], which updates
      the weights and returns `METRICS`, float32 [len(METRICS)], the same on every
      replica. With one replica it is a single XLA-compilable function; with several,
      everything up to the sum over replicas is.
    """
    weights = model.trainable_variables
    schedule = getattr(optimizer, "inner_optimizer", optimizer)._learning_rate
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)

    def gradients_of(images, mask, seeds, beta):
        # A constant here, the true number of images after the sum over replicas.
        nominal = images.shape[0] * images.shape[1] * num_replicas
        with tf.GradientTape() as tape:
            elbo = model.elbo(images, seeds, mask=mask)
            loss = tf.reduce_sum(objective(elbo, mask, beta, train_config.free_bits))
            loss /= nominal
            target = optimizer.scale_loss(loss) if scaled else loss
        gradients = tape.gradient(
            target,
            [weight.value for weight in weights],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        terms = [loss, *(tf.reduce_sum(term) / nominal for term in elbo)]
        share = tf.reduce_sum(mask) / nominal
        return gradients, tf.stack([*terms, share])

    def step(images, mask, seeds, step):
        beta = kl_weight(step, train_config.kl_warmup_steps)
        gradients, sums = gradients_of(images, mask, seeds, beta)
        if num_replicas > 1:
            replica = tf.distribute.get_replica_context()
            *gradients, sums = replica.all_reduce("SUM", [*gradients, sums])
        share = tf.maximum(sums[-1], 1e-12)
        factor = 1.0 / share
        norm = tf.linalg.global_norm(gradients) * factor
        if scaled:
            norm /= optimizer.dynamic_scale.value
        if train_config.clip_norm:
            clip = train_config.clip_norm
            factor *= clip / tf.maximum(norm, clip)
        rate = schedule(optimizer.iterations.value)
        updates = optimizer.iterations.value
        optimizer.apply([factor * gradient for gradient in gradients], weights)
        if average is not None:
            average.update(updates)
        return tf.concat([sums[:-1] / share, tf.stack([norm, rate, beta])], axis=0)

    if train_config.jit_compile:
        if num_replicas == 1:
            return tf.function(step, jit_compile=True)
        gradients_of = tf.function(gradients_of, jit_compile=True)
    return step

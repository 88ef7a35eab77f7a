"""The training step: one function of (images, mask, seeds, step), fit for XLA."""

from collections.abc import Callable

import keras
import tensorflow as tf
from ml_collections import ConfigDict

from kpp_tf.models import Elbo, MemoryModel
from kpp_tf.models.elbo import TrainingTerms
from kpp_tf.training.loss import training_loss
from kpp_tf.training.schedules import kl_weight
from kpp_tf.training.weight_average import WeightAverage
from kpp_tf.training.written import draw_written

# What a step returns, over the global batch. In nats per image: the loss, and its part
# beside the bound. In nats per score: the bound's terms; the parts of the bound from
# images that the memory held (a share `held`) and from the others. Last, the optimiser.
PER_SCORE = (*Elbo._fields, "stored_part", "unseen_part", "held")
METRICS = (
    "loss",
    "auxiliary",
    *PER_SCORE,
    "gradient_norm",
    "learning_rate",
    "kl_weight",
)

Step = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def make_train_step(
    model: MemoryModel,
    optimizer: keras.optimizers.Optimizer,
    train_config: ConfigDict,
    average: WeightAverage | None = None,
    num_replicas: int = 1,
) -> Step:
    """The step of one replica.

    Gradients and metrics equal those of one device with the global batch: sums over
    images, added over replicas and the parts of `accumulate`, divided by the number of
    images that count. (The loss of K++'s map sees pairs of images of one part.)

    Args:
      model: the model, weights created.
      optimizer: of `make_optimizer`.
      train_config: `config.train`; uses `kl_warmup_steps`, `clip_norm`, `all_written`,
        `stored_weight`, `samples`, `accumulate`, `jit_compile`.
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
    parts = train_config.accumulate

    def gradients_of(
        images: tf.Tensor, mask: tf.Tensor, seeds: tf.Tensor, beta: tf.Tensor
    ) -> list[tf.Tensor]:
        # The true number of images is known after the sum over replicas.
        size = mask.shape.num_elements() or tf.cast(tf.size(mask), tf.float32)
        nominal = size * num_replicas * parts
        with tf.GradientTape() as tape:
            written = draw_written(seeds, mask, train_config.all_written)
            terms = model.training_terms(
                images, seeds, mask, written, train_config.samples
            )
            loss = training_loss(terms, beta, train_config.stored_weight) / nominal
            target = optimizer.scale_loss(loss) if scaled else loss
        gradients = tape.gradient(
            target,
            [weight.value for weight in weights],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        auxiliary = tf.reduce_sum(terms.auxiliary) / nominal
        sums = [loss, auxiliary, *(part / nominal for part in _per_score(terms))]
        counts = [tf.reduce_sum(mask) / nominal, tf.reduce_sum(terms.real) / nominal]
        return [*gradients, tf.stack(sums + counts)]

    def accumulated(
        images: tf.Tensor, mask: tf.Tensor, seeds: tf.Tensor, beta: tf.Tensor
    ) -> list[tf.Tensor]:
        total: list[tf.Tensor] = []
        rows = images.shape[0] // parts
        for first in range(0, images.shape[0], rows):
            own = slice(first, first + rows)
            # Each part waits for the one before: only one is in memory at a time.
            with tf.control_dependencies(total):
                found = gradients_of(
                    tf.identity(images[own]),
                    tf.identity(mask[own]),
                    tf.identity(seeds[own]),
                    beta,
                )
                total = list(map(tf.add, total, found)) if total else found
        return total

    def step(
        images: tf.Tensor, mask: tf.Tensor, seeds: tf.Tensor, step: tf.Tensor
    ) -> tf.Tensor:
        beta = kl_weight(step, train_config.kl_warmup_steps)
        score = accumulated if parts > 1 else gradients_of
        found = score(images, mask, seeds, beta)
        if num_replicas > 1:
            replica = tf.distribute.get_replica_context()
            found = replica.all_reduce("SUM", found)
        *gradients, sums = found
        count, scores = tf.unstack(tf.maximum(sums[-2:], 1e-12))
        factor = 1.0 / count
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
        means = [sums[:2] / count, sums[2:-2] / scores]
        return tf.concat([*means, tf.stack([norm, rate, beta])], axis=0)

    if train_config.jit_compile:
        if num_replicas == 1:
            return tf.function(step, jit_compile=True)
        gradients_of = tf.function(gradients_of, jit_compile=True)
    return step


def _per_score(terms: TrainingTerms) -> list[tf.Tensor]:
    """Sums over all scores, in the order of PER_SCORE."""
    held = terms.real * terms.held
    bound = terms.elbo.bound
    sums = [*(terms.real * term for term in terms.elbo)]
    sums += [held * bound, (terms.real - held) * bound, held]
    return [tf.reduce_sum(part) for part in sums]

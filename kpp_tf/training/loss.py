"""What training minimises."""

import tensorflow as tf

from kpp_tf.models.elbo import TrainingTerms


def kl_weight(step: tf.Tensor, warmup_steps: int) -> tf.Tensor:
    """beta of the objective: min(1, step / warmup_steps), float32; 1 for no warm-up."""
    if not warmup_steps:
        return tf.ones([])
    return tf.minimum(1.0, tf.cast(step, tf.float32) / warmup_steps)


def objective(
    terms: TrainingTerms, beta: tf.Tensor, free_bits: float, stored_weight: float
) -> tf.Tensor:
    """What training minimises, summed over all scores of a batch: nats, float32 [].

        w (-ln p(X|Z) + beta (max(KL_Z, free) + max(KL_Y, free) + KL_M)) + auxiliary

    with w = `stored_weight` where the memory held the image and 1 where it did not:
    how much it counts to store against how much it counts to know.

    Args:
      terms: of `MemoryModel.training_terms`.
      beta: weight of the KLs; 1 makes this the bound (with free_bits 0).
      free_bits: nats of each image's KL_Z and KL_Y that cost nothing.
      stored_weight: w of images that the memory held.

    Reference: Kingma et al., "Improved Variational Inference with Inverse
    Autoregressive Flow", NeurIPS 2016 (free bits), here for each image.
    """
    elbo = terms.elbo
    kls = elbo.kl_latents, elbo.kl_keys
    if free_bits:  # without them an estimate of a KL may be below 0
        kls = tf.maximum(kls[0], free_bits), tf.maximum(kls[1], free_bits)
    costs = beta * (kls[0] + kls[1] + elbo.kl_memory) - elbo.log_likelihood
    weights = terms.real * tf.where(terms.written > 0, stored_weight, 1.0)
    return tf.reduce_sum(weights * costs) + tf.reduce_sum(terms.auxiliary)

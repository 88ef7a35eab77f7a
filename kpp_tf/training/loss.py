"""The training loss."""

import tensorflow as tf

from kpp_tf.models.elbo import TrainingTerms


def training_loss(
    terms: TrainingTerms, beta: tf.Tensor, stored_weight: float
) -> tf.Tensor:
    """The loss, summed over all scores of a batch: nats, float32 [].

        w (-ln p(X|Z) + beta (KL_Z + KL_Y + KL_M)) + auxiliary

    with w = `stored_weight` where the memory held the image and 1 where it did not: it
    balances storing against knowing.

    Args:
      terms: of `MemoryModel.training_terms`.
      beta: weight of the KLs; 1 makes this the bound.
      stored_weight: w of images that the memory held.
    """
    elbo = terms.elbo
    kls = elbo.kl_latents + elbo.kl_keys + elbo.kl_memory
    costs = beta * kls - elbo.log_likelihood
    weights = terms.real * tf.where(terms.held > 0, stored_weight, 1.0)
    return tf.reduce_sum(weights * costs) + tf.reduce_sum(terms.auxiliary)

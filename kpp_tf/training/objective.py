"""What training minimises."""

from __future__ import annotations

import tensorflow as tf

from kpp_tf.models import Elbo


def kl_weight(step: tf.Tensor, warmup_steps: int) -> tf.Tensor:
    """beta of the objective: min(1, step / warmup_steps), float32; 1 for no warm-up."""
    if not warmup_steps:
        return tf.ones([])
    return tf.minimum(1.0, tf.cast(step, tf.float32) / warmup_steps)


def objective(
    elbo: Elbo, mask: tf.Tensor, beta: tf.Tensor, free_bits: float
) -> tf.Tensor:
    """What training minimises, nats an image, float32 [B, T].

        -ln p(X|Z, M-hat) + beta (max(KL_Z, free) + max(KL_Y, free) + KL_M)

    Args:
      elbo: the terms.
      mask: [B, T].
      beta: weight of the KLs; 1 makes this the bound (with free_bits 0).
      free_bits: nats of each image's KL_Z and KL_Y that cost nothing.

    Reference: Kingma et al., "Improved Variational Inference with Inverse
    Autoregressive Flow", NeurIPS 2016 (free bits), here for each image.
    """
    kl = tf.maximum(elbo.kl_latents, free_bits) + tf.maximum(elbo.kl_keys, free_bits)
    return mask * (beta * (kl + elbo.kl_memory) - elbo.log_likelihood)

"""The terms of a bound, their sum, and what training learns from."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf


class Elbo(NamedTuple):
    """Terms of the bound of ln p(X|M), one number an image, in nats.

    Attributes:
      log_likelihood: E_q[ln p(X|Z, M-hat, Y)], float32 [B, T].
      kl_latents: E_q KL[q(Z|X) || p(Z|M-hat, Y)], float32 [B, T].
      kl_keys: KL[q(Y|X) || p(Y)], float32 [B, T].
      kl_memory: KL of the memory in equal shares for an episode's images, float32
        [B, T]; 0 for a deterministic memory.

    Padded images count 0 in every term.
    """

    log_likelihood: tf.Tensor
    kl_latents: tf.Tensor
    kl_keys: tf.Tensor
    kl_memory: tf.Tensor

    @classmethod
    def masked(
        cls,
        mask: tf.Tensor | None,
        log_likelihood: tf.Tensor,
        kl_latents: tf.Tensor | None = None,
        kl_keys: tf.Tensor | None = None,
        kl_memory: tf.Tensor | None = None,
    ) -> "Elbo":
        """Terms [B, T] with 0 for padded images, and for a term that is None."""
        terms = [log_likelihood, kl_latents, kl_keys, kl_memory]
        zeros = tf.zeros_like(log_likelihood)
        terms = [zeros if term is None else term for term in terms]
        if mask is not None:
            terms = [term * tf.cast(mask, tf.float32) for term in terms]
        return cls(*terms)

    @property
    def bound(self) -> tf.Tensor:
        """-ln p(X|M) <= bound, nats/image [B, T]: lower is better."""
        kl = self.kl_latents + self.kl_keys + self.kl_memory
        return kl - self.log_likelihood


def importance_weighted(elbos: Sequence[Elbo]) -> Elbo:
    """Terms of the importance-weighted bound of N scores of the same images.

        bound = -ln 1/N sum_n exp(-bound_n) = sum_n r_n (bound_n + ln r_n N),
        r_n ~ exp(-bound_n)

    The terms are reported as if a posterior chose among the samples: each term is its
    mean under r, and the KL of the choice, sum_n r_n ln r_n N, counts as the latents'.

    Args:
      elbos: N of them, one sample each, with `analytic=False`.

    Reference: Burda et al., "Importance weighted autoencoders", ICLR 2016.
    """
    if len(elbos) == 1:
        return elbos[0]
    log_shares = tf.nn.log_softmax(tf.stack([-elbo.bound for elbo in elbos]), axis=0)
    shares = tf.exp(log_shares)
    mean = Elbo(
        *(
            tf.reduce_sum(shares * tf.stack(samples), axis=0)
            for samples in zip(*elbos, strict=True)
        )
    )
    choice = tf.reduce_sum(shares * (log_shares + math.log(len(elbos))), axis=0)
    return mean._replace(kl_latents=mean.kl_latents + choice)


class TrainingTerms(NamedTuple):
    """What training learns from an episode: N scores of its frames.

    Attributes:
      elbo: terms [B, N].
      real: [B, N], 1 for an image and 0 for padding.
      held: [B, N], 1 where the memory held the image when it was scored.
      auxiliary: float32 [B, T], nats per image: a loss that is no part of the bound.
    """

    elbo: Elbo
    real: tf.Tensor
    held: tf.Tensor
    auxiliary: tf.Tensor

"""A categorical address: a latent variable that chooses the stored item to read.

A memory of S stored items is addressed by `a` in {0, ..., S-1}:

    p(a)       = 1 / (number of slots that hold an item)
    q(a|x, M)  = softmax_a( scale * cos(f_query(e(x)), f_item(m_a)) )

and the bound of a model p(a) p(z|m_a) p(x|z, m_a) either sums the address
exactly or draws K addresses and learns q(a|x, M) by VIMCO.

References:
  * Bornschein, Mnih, Zoran, Rezende. Variational Memory Addressing in Generative
    Models. NeurIPS 2017.
  * Mnih, Rezende. Variational Inference for Monte Carlo Objectives. ICML 2016.
"""

import math
from typing import Any

import keras
import tensorflow as tf

from kpp_tf.models.elbo import Elbo

# Log-probability given to slots outside the support: finite, so that products with
# an exact zero probability stay zero, and far below what float32 can exponentiate.
_EXCLUDED = -1e9

_INITIAL_SCALE = 10.0  # spreads a cosine over 20 nats


def support_of(occupied: tf.Tensor, length: int | tf.Tensor) -> tf.Tensor:
    """The slots that the address of each image may name.

    Args:
      occupied: float [B, S], 1 where a slot holds an item.
      length: T, the number of queries.

    Returns:
      bool [B, T, S]. All slots where no slot holds an item, so that every term is
      finite.
    """
    named = occupied > 0
    empty = tf.logical_not(tf.reduce_any(named, -1, keepdims=True))
    named = tf.logical_or(named, empty)
    return tf.repeat(named[:, tf.newaxis, :], length, axis=1)


def uniform_log_prob(support: tf.Tensor) -> tf.Tensor:
    """Prior ln p(a), uniform over the support; a large negative number outside it.

    Args:
      support: bool [..., S].

    Returns:
      float32 [..., S], nats.
    """
    count = tf.reduce_sum(tf.cast(support, tf.float32), -1, keepdims=True)
    return tf.where(support, -tf.math.log(count), _EXCLUDED)


def exact_terms(
    log_q: tf.Tensor, log_p: tf.Tensor, log_likelihood: tf.Tensor, kl_latents: tf.Tensor
) -> Elbo:
    """Sums the address out of the bound.

        sum_a q(a|x, M) { E_q(z|x, m_a) ln p(x|z, m_a)
                          - KL[q(z|x, m_a) || p(z|m_a)] }  -  KL[q(a|x, M) || p(a)]

    Args:
      log_q: float32 [B, T, S], ln q(a|x, M).
      log_p: float32 [B, T, S], ln p(a).
      log_likelihood: float32 [B, T, S], ln p(x|z, m_a) for each address.
      kl_latents: float32 [B, T, S], KL of the latent variable for each address.

    Returns:
      Terms [B, T], where `kl_keys` is the KL of the address.
    """
    q = tf.exp(log_q)
    return Elbo.masked(
        None,
        log_likelihood=tf.reduce_sum(q * log_likelihood, -1),
        kl_latents=tf.reduce_sum(q * kl_latents, -1),
        kl_keys=tf.reduce_sum(q * (log_q - log_p), -1),
    )


def sample_addresses(log_q: tf.Tensor, uniforms: tf.Tensor) -> tf.Tensor:
    """Draws addresses by inverting the cumulative distribution.

    Args:
      log_q: float32 [..., S], ln q(a).
      uniforms: float32 [..., K], noise in [0, 1), one number an address.

    Returns:
      int32 [..., K], each in [0, S) and never a slot of zero probability.
    """
    cumulative = tf.cumsum(tf.exp(log_q), axis=-1)
    # Rounding leaves the last entry near 1. Scaled by it, and u < 1, a threshold stays
    # below it (also in float32), so that some slot is left.
    thresholds = uniforms * cumulative[..., -1:]
    passed = thresholds[..., tf.newaxis] >= cumulative[..., tf.newaxis, :]
    return tf.reduce_sum(tf.cast(passed, tf.int32), -1)


def vimco_terms(
    log_q: tf.Tensor,
    log_p: tf.Tensor,
    log_likelihood: tf.Tensor,
    log_latent_ratio: tf.Tensor,
) -> Elbo:
    """Bound from K sampled addresses, differentiable without bias by VIMCO.

    With `w_k = p(x|z_k, m_k) p(z_k|m_k) p(a_k) / (q(z_k|x, m_k) q(a_k|x, M))`,

        L = ln (1/K) sum_k w_k,     E[L] <= ln p(x|M).

    The latent variable enters by its sampled ratio: with its closed-form KL inside the
    logarithm, L would be no bound. The normalised weights v_k = w_k / sum_j w_j split
    the value into terms,

        L = sum_k v_k ln w_k - sum_k v_k ln(K v_k),

    where the last sum counts as a cost of the address. The gradient for q(a|x, M) is
    the gradient of `sum_k (L - L_-k) ln q(a_k|x, M)`, where L_-k replaces ln w_k by the
    mean of the others, which makes their geometric mean the guess for w_k.

    Args:
      log_q: float32 [B, T, K], ln q(a_k|x, M) of the drawn addresses.
      log_p: float32 [B, T, K], ln p(a_k).
      log_likelihood: float32 [B, T, K], ln p(x|z_k, m_k).
      log_latent_ratio: float32 [B, T, K], ln q(z_k|x, m_k) - ln p(z_k|m_k).

    Returns:
      Terms [B, T], where `kl_keys` is the cost of the address. Their bound is -L; its
      gradient is unbiased for that of -E[L].

    Raises:
      ValueError: for fewer than two samples, as each is compared with the others.
    """
    num_samples = log_q.shape[-1]
    if num_samples is None or num_samples < 2:
        raise ValueError(
            "VIMCO compares each sampled address with the others and needs at "
            f"least 2 of them. Received: log_q with shape {log_q.shape}."
        )
    log_w = log_likelihood - log_latent_ratio + log_p - log_q
    log_v = tf.nn.log_softmax(log_w, axis=-1)
    v = tf.exp(log_v)
    log_k = tf.math.log(tf.cast(num_samples, log_q.dtype))
    cost = tf.reduce_sum(v * (log_q - log_p + log_v + log_k), -1)
    signal = tf.stop_gradient(_vimco_learning_signal(log_w))
    surrogate = tf.reduce_sum(signal * log_q, -1)
    return Elbo.masked(
        None,
        log_likelihood=tf.reduce_sum(v * log_likelihood, -1),
        kl_latents=tf.reduce_sum(v * log_latent_ratio, -1),
        # Adds the score-function gradient and nothing to the value.
        kl_keys=cost - surrogate + tf.stop_gradient(surrogate),
    )


def _vimco_learning_signal(log_w: tf.Tensor) -> tf.Tensor:
    """L - L_-k for each of the K samples of `log_w`, [..., K]."""
    num_samples = log_w.shape[-1]
    others_mean = (tf.reduce_sum(log_w, -1, keepdims=True) - log_w) / (num_samples - 1)
    own = tf.eye(num_samples, dtype=tf.bool)
    replaced = tf.where(own, others_mean[..., tf.newaxis, :], log_w[..., tf.newaxis, :])
    total = tf.reduce_logsumexp(log_w, -1, keepdims=True)
    return total - tf.reduce_logsumexp(replaced, -1)


class VariationalAddressing(keras.layers.Layer):
    """q(a|x, M) by similarity of a query to every stored item.

        q(a|x, M) = softmax_a( scale * cos(f_query(e), f_item(m_a)) )

    `f_query` and `f_item` are linear, `scale` is learned and positive. Computed in
    float32 whatever the policy: the logits are scaled cosines.

    Example (8 episodes of 32 images, embeddings of 256, items of 100 numbers):

    >>> addressing = VariationalAddressing(key_size=32)
    >>> log_q = addressing(embeddings, items, support)  # [8, 32, 32]

    Args:
      key_size: size of the space in which query and item are compared.
    """

    def __init__(self, key_size: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.query_projection = keras.layers.Dense(
            key_size, dtype="float32", name="query"
        )
        self.item_projection = keras.layers.Dense(
            key_size, dtype="float32", name="item"
        )

    def build(
        self, embeddings_shape: Any, items_shape: Any, support_shape: Any
    ) -> None:
        del support_shape
        self.query_projection.build(embeddings_shape)
        self.item_projection.build(items_shape)
        self.log_scale = self.add_weight(
            name="log_scale",
            shape=(),
            dtype="float32",
            autocast=False,
            initializer=keras.initializers.Constant(math.log(_INITIAL_SCALE)),
        )

    def call(
        self, embeddings: tf.Tensor, items: tf.Tensor, support: tf.Tensor
    ) -> tf.Tensor:
        """Returns ln q(a|x, M).

        Args:
          embeddings: float [B, T, E], one embedding a query.
          items: float [B, S, D], the stored items.
          support: bool [B, T, S], the slots that may be named.

        Returns:
          float32 [B, T, S], nats; -1e9 or below outside the support.
        """
        queries = self.query_projection(tf.cast(embeddings, tf.float32))
        keys = self.item_projection(tf.cast(items, tf.float32))
        cosines = tf.einsum("btk,bsk->bts", _unit(queries), _unit(keys))
        logits = tf.exp(self.log_scale) * cosines
        return tf.nn.log_softmax(tf.where(support, logits, _EXCLUDED), axis=-1)


def _unit(vectors: tf.Tensor) -> tf.Tensor:
    """Scales to unit length; the gradient is finite at the zero vector."""
    return tf.math.l2_normalize(vectors, axis=-1, epsilon=1e-6)

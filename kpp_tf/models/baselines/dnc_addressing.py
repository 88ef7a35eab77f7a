"""The equations by which a differentiable neural computer addresses its memory.

N slots of W numbers are written and read by soft weightings over slots. Three ways
to address them: by content, by usage (allocation), and by the order in which slots
were written (temporal links).

References:
  * Graves et al. Hybrid computing using a neural network with dynamic external
    memory. Nature 538, 2016. Equation names follow its Methods section.
"""

from typing import NamedTuple

import tensorflow as tf

# Usage below this counts as free: its logarithm, and the gradient of it, stay finite.
_LEAST_USAGE = 1e-6


class ReadInterface(NamedTuple):
    """What the controller asks of the R read heads.

    Attributes:
      keys: [..., R, W].
      strengths: [..., R], at least 1.
      modes: [..., R, 3], shares of backward, content and forward addressing.
    """

    keys: tf.Tensor
    strengths: tf.Tensor
    modes: tf.Tensor


def content_weights(
    memory: tf.Tensor, keys: tf.Tensor, strengths: tf.Tensor
) -> tf.Tensor:
    """C(M, k, beta)[i] = softmax_i( beta cos(k, M[i]) ).

    Args:
      memory: [B, N, W].
      keys: [B, ..., W].
      strengths: [B, ...].

    Returns:
      [B, ..., N], summing to 1 over slots. An empty slot has cosine 0.
    """
    unit_memory = tf.math.l2_normalize(memory, axis=-1, epsilon=1e-6)
    unit_keys = tf.math.l2_normalize(keys, axis=-1, epsilon=1e-6)
    cosines = tf.einsum("bnw,b...w->b...n", unit_memory, unit_keys)
    return tf.nn.softmax(strengths[..., tf.newaxis] * cosines, axis=-1)


def updated_usage(
    usage: tf.Tensor,
    write_weights: tf.Tensor,
    read_weights: tf.Tensor,
    free_gates: tf.Tensor,
) -> tf.Tensor:
    """Usage u' = (u + w_write - u w_write) prod_r (1 - free_r w_read_r).

    Args:
      usage: [B, N].
      write_weights: [B, N], of the previous step.
      read_weights: [B, R, N], of the previous step.
      free_gates: [B, R].

    Returns:
      [B, N] in [0, 1].
    """
    retention = tf.reduce_prod(1.0 - free_gates[..., tf.newaxis] * read_weights, axis=1)
    return (usage + write_weights - usage * write_weights) * retention


def allocation_weights(usage: tf.Tensor) -> tf.Tensor:
    """The free list: weight goes to the least used slots first.

        a[phi_j] = (1 - u[phi_j]) prod_{i < j} u[phi_i],

    phi being the slots in ascending usage, ties by index. Instead of sorting, slot j
    sums ln u over the slots before it: N^2 additions, as many as the link matrix has
    numbers, and a gradient without the division by zero of a cumulative product. Usage
    is moved to at least 1e-6.

    Args:
      usage: [B, N] in [0, 1].

    Returns:
      [B, N], nonnegative, summing to at most 1.
    """
    usage = _LEAST_USAGE + (1.0 - _LEAST_USAGE) * usage
    slot = tf.range(tf.shape(usage)[-1])
    earlier_index = slot[tf.newaxis, :] < slot[:, tf.newaxis]  # [slot j, before i]
    own, other = usage[:, :, tf.newaxis], usage[:, tf.newaxis, :]
    before = tf.logical_or(
        other < own, tf.logical_and(tf.equal(other, own), earlier_index)
    )
    log_product = tf.linalg.matvec(tf.cast(before, usage.dtype), tf.math.log(usage))
    return (1.0 - usage) * tf.exp(log_product)


def write_weighting(
    content: tf.Tensor,
    allocation: tf.Tensor,
    allocation_gate: tf.Tensor,
    write_gate: tf.Tensor,
) -> tf.Tensor:
    """Write weights w = g_write ( g_alloc a + (1 - g_alloc) c ), each [B, N]."""
    gate = allocation_gate[:, tf.newaxis]
    return write_gate[:, tf.newaxis] * (gate * allocation + (1.0 - gate) * content)


def written_memory(
    memory: tf.Tensor, weights: tf.Tensor, erase: tf.Tensor, value: tf.Tensor
) -> tf.Tensor:
    """M' = M (1 - w e^T) + w v^T, with M [B, N, W], w [B, N], e and v [B, W]."""
    weights = weights[:, :, tf.newaxis]
    kept = memory * (1.0 - weights * erase[:, tf.newaxis, :])
    return kept + weights * value[:, tf.newaxis, :]


def updated_link(
    link: tf.Tensor, precedence: tf.Tensor, weights: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Updates the link matrix: which slot was written after which.

        L'[i, j] = (1 - w[i] - w[j]) L[i, j] + w[i] p[j],   L'[i, i] = 0
        p'       = (1 - sum_i w[i]) p + w

    Args:
      link: [B, N, N].
      precedence: [B, N], of the previous step.
      weights: [B, N], of this step's write.

    Returns:
      (link [B, N, N], precedence [B, N]).
    """
    into, out_of = weights[:, :, tf.newaxis], weights[:, tf.newaxis, :]
    new_link = (1.0 - into - out_of) * link + into * precedence[:, tf.newaxis, :]
    new_link = tf.linalg.set_diag(new_link, tf.zeros_like(weights))
    remaining = 1.0 - tf.reduce_sum(weights, -1, keepdims=True)
    return new_link, remaining * precedence + weights


def read_weighting(
    memory: tf.Tensor,
    link: tf.Tensor,
    read_weights: tf.Tensor,
    interface: ReadInterface,
) -> tf.Tensor:
    """Read weights w' = pi_1 L^T w + pi_2 C(M, k, beta) + pi_3 L w.

    Many queries may share one memory: their dimensions lie between batch and heads.

    Args:
      memory: [B, N, W].
      link: [B, N, N].
      read_weights: [B, ..., R, N], of the previous step.
      interface: keys [B, ..., R, W], strengths [B, ..., R], modes [B, ..., R, 3].

    Returns:
      [B, ..., R, N].
    """
    backward = tf.einsum("bnm,b...n->b...m", link, read_weights)
    forward = tf.einsum("bnm,b...m->b...n", link, read_weights)
    content = content_weights(memory, interface.keys, interface.strengths)
    modes = interface.modes[..., tf.newaxis]
    return (
        modes[..., 0, :] * backward
        + modes[..., 1, :] * content
        + modes[..., 2, :] * forward
    )


def read_vectors(memory: tf.Tensor, read_weights: tf.Tensor) -> tf.Tensor:
    """Reads r = M^T w: M [B, N, W] and w [B, ..., R, N] give [B, ..., R * W]."""
    reads = tf.einsum("bnw,b...n->b...w", memory, read_weights)
    shape = tf.concat(
        [tf.shape(reads)[:-2], [reads.shape[-2] * reads.shape[-1]]], axis=0
    )
    return tf.reshape(reads, shape)

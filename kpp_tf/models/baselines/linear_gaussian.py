"""Bayes' rule for a memory that is a Gaussian random matrix, in float32.

The memory of the Kanerva machines [1, 2] is a matrix M of S slots by D columns with

    p(M) = MN(M; R, U, I)        columns independent, rows with covariance U
    z_t = M^T w_t + noise,       noise ~ N(0, sigma^2 I)

so that, the weights w_t given, writing codes z_t is linear-Gaussian inference with a
closed form. The row covariance is kept as a square root, U = A A^T: U stays symmetric
and positive semi-definite whatever A is, and A holds in float32 what U would need
double precision for.

References:
  [1] Wu, Wayne, Graves, Lillicrap. The Kanerva Machine: A Generative Distributed
      Memory. ICLR 2018. arXiv:1804.01756.
  [2] Wu, Wayne, Gregor, Lillicrap. Learning Attractor Dynamics for Generative
      Memory. NeurIPS 2018. arXiv:1811.09556.
"""

from typing import NamedTuple

import tensorflow as tf

# A Gram matrix computed in float32 is uncertain by about 1e-7 of its trace; a diagonal
# held at ten times that keeps its Cholesky factor real whatever the episode holds.
_RELATIVE_FLOOR = 1e-6


class GaussianMemory(NamedTuple):
    """Matrix-variate Gaussian over a memory M of S slots by D columns.

    Attributes:
      mean: R, float32 [B, S, D].
      scale: A, float32 [B, S, S], a square root of the row covariance: U = A A^T.
      log_determinant: ln |U|, float32 [B]; each write adds its exact change.
    """

    mean: tf.Tensor
    scale: tf.Tensor
    log_determinant: tf.Tensor

    @property
    def covariance(self) -> tf.Tensor:
        """Row covariance U = A A^T, float32 [B, S, S], shared by the D columns."""
        return tf.matmul(self.scale, self.scale, transpose_b=True)


@tf.custom_gradient
def solve_positive_definite(
    matrix: tf.Tensor, right: tf.Tensor
) -> tuple[tf.Tensor, object]:
    """Solves matrix x = right by Cholesky, for symmetric positive definite matrices.

    The gradient reuses the factor (one more pair of triangular solves) instead of
    differentiating the factorisation, which costs several times the forward pass.

    Args:
      matrix: Float [..., S, S], symmetric positive definite.
      right: Float [..., S, N].

    Returns:
      Solution, float [..., S, N].
    """
    factor = tf.linalg.cholesky(matrix)
    solution = tf.linalg.cholesky_solve(factor, right)

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        right_gradient = tf.linalg.cholesky_solve(factor, upstream)
        matrix_gradient = -tf.matmul(right_gradient, solution, transpose_b=True)
        return matrix_gradient, right_gradient

    return solution, gradient


def least_squares_weights(
    matrix: tf.Tensor, codes: tf.Tensor, ridge: tf.Tensor
) -> tf.Tensor:
    """Weights that best rebuild each code from the rows of a memory matrix.

    Minimises |z - M^T w|^2 + ridge |w|^2, hence w = (M M^T + ridge I)^-1 M z: the
    posterior mean of w under z ~ N(M^T w, sigma^2 I), w ~ N(0, I) with
    ridge = sigma^2. Where the trace of M M^T exceeds 1e6 ridge, the ridge is raised to
    1e-6 of the trace, the least that float32 distinguishes from zero.

    Args:
      matrix: M, float32 [B, S, D].
      codes: z, float32 [B, T, D].
      ridge: Positive float32 scalar.

    Returns:
      w, float32 [B, T, S].
    """
    gram = tf.matmul(matrix, matrix, transpose_b=True)
    ridge = tf.maximum(ridge, _RELATIVE_FLOOR * tf.linalg.trace(gram))
    gram = tf.linalg.set_diag(gram, tf.linalg.diag_part(gram) + ridge[:, None])
    right = tf.matmul(matrix, codes, transpose_b=True)
    return tf.linalg.matrix_transpose(solve_positive_definite(gram, right))


def condition(
    memory: GaussianMemory,
    weights: tf.Tensor,
    codes: tf.Tensor,
    noise_variance: tf.Tensor,
) -> GaussianMemory:
    """Posterior of the memory given all T (weights, code) pairs, in one block.

    With V = W A and L L^T = I + V^T V / sigma^2,

        A' = A L^-T,    R' = R + A' A'^T W^T (Z - W R) / sigma^2,
        ln |U'| = ln |U| - 2 ln |L|,

    which equals (U^-1 + W^T W / sigma^2)^-1 for U'. A row of zero weights changes
    nothing. Where the trace of V^T V / sigma^2 exceeds 1e6 the identity is raised to
    1e-6 of it: the posterior is then a little too certain in directions never written.

    Args:
      memory: Memory before the write.
      weights: W, float32 [B, T, S].
      codes: Z, float32 [B, T, D].
      noise_variance: sigma^2, positive float32 scalar.

    Returns:
      Memory after the write.
    """
    directions = tf.matmul(weights, memory.scale)
    gram = tf.matmul(directions, directions, transpose_a=True) / noise_variance
    floor = tf.maximum(1.0, _RELATIVE_FLOOR * tf.linalg.trace(gram))
    precision = tf.linalg.set_diag(gram, tf.linalg.diag_part(gram) + floor[:, None])
    factor = tf.linalg.cholesky(precision)
    # A'^T = L^-1 A^T.
    scale_transposed = tf.linalg.triangular_solve(
        factor, tf.linalg.matrix_transpose(memory.scale)
    )
    error = codes - tf.matmul(weights, memory.mean)
    evidence = tf.matmul(weights, error, transpose_a=True) / noise_variance
    change = tf.matmul(
        scale_transposed, tf.matmul(scale_transposed, evidence), transpose_a=True
    )
    log_diagonal = tf.math.log(tf.linalg.diag_part(factor))
    return GaussianMemory(
        memory.mean + change,
        tf.linalg.matrix_transpose(scale_transposed),
        memory.log_determinant - 2.0 * tf.reduce_sum(log_diagonal, axis=-1),
    )


def independent_slots(
    mean: tf.Tensor, variance: tf.Tensor, batch: tf.Tensor | int
) -> GaussianMemory:
    """A memory of `batch` episodes, each with U = diag(variance).

    Args:
      mean: R, float32 [S, D].
      variance: Positive float32 [S].
      batch: B.

    Returns:
      The memory.
    """
    scale = tf.linalg.diag(tf.sqrt(variance))
    return GaussianMemory(
        tf.tile(mean[None], [batch, 1, 1]),
        tf.tile(scale[None], [batch, 1, 1]),
        tf.fill([batch], tf.reduce_sum(tf.math.log(variance))),
    )


def sample(memory: GaussianMemory, noise: tf.Tensor) -> tf.Tensor:
    """M = R + A noise, float32 [B, S, D], for standard normal noise [B, S, D]."""
    return memory.mean + tf.matmul(memory.scale, noise)


def kl_divergence(
    memory: GaussianMemory, prior_mean: tf.Tensor, prior_variance: tf.Tensor
) -> tf.Tensor:
    """KL divergence from a memory to a prior whose slots are independent.

    KL = 1/2 { D [tr(U0^-1 U) - S + ln |U0| - ln |U|] + tr[(R-R0)^T U0^-1 (R-R0)] }.

    Args:
      memory: The memory.
      prior_mean: R0, float32 [S, D].
      prior_variance: Diagonal of U0, positive float32 [S].

    Returns:
      float32 [B], nats an episode.
    """
    columns = tf.cast(tf.shape(memory.mean)[-1], memory.mean.dtype)
    relative_variance = tf.reduce_sum(memory.scale**2, axis=-1) / prior_variance
    rows = tf.reduce_sum(relative_variance - 1.0, axis=-1)
    rows += tf.reduce_sum(tf.math.log(prior_variance)) - memory.log_determinant
    shift = tf.reduce_sum(
        (memory.mean - prior_mean) ** 2 / prior_variance[:, None], axis=[-2, -1]
    )
    return 0.5 * (columns * rows + shift)

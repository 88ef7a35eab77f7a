"""The memory of the Dynamic Kanerva Machine: addressed by least squares.

Reference:
  [1] Wu, Wayne, Gregor, Lillicrap. Learning Attractor Dynamics for Generative Memory.
      NeurIPS 2018. arXiv:1811.09556.
"""

from typing import Any

import tensorflow as tf

from kpp_tf.models.kanerva_machines import linear_gaussian
from kpp_tf.models.kanerva_machines.gaussian_memory import GaussianMemoryLayer
from kpp_tf.models.kanerva_machines.linear_gaussian import GaussianMemory

WRITE_FORMS = ("batch", "sequential")


class DynamicKanervaMemory(GaussianMemoryLayer):
    """Linear-Gaussian memory whose addresses solve a least-squares problem [1].

    Generative model of the codes of one episode:

        M ~ MN(R0, U0, I),    w_t ~ N(0, I),    z_t ~ N(M^T w_t, sigma^2 I).

    Addressing: q(w_t | z_t, M) = N((M M^T + sigma^2 I)^-1 M z_t, sigma_w^2 I) with a
    learned scalar sigma_w. Writing: the exact posterior of M given weights.

    The weights that a code is written with depend on a memory, and the memory on them.
    `write_form` says how the circle is broken:

    * "sequential", as in [1]: code t is addressed in the mean of the memory that holds
      the codes before it, then written; the order of the frames matters.
    * "batch": all codes are addressed in the prior mean R0 and written as
      one block; then addressed anew in the mean this gave, and the block is written to
      the prior again, `write_passes` times in all (coordinate ascent on weights and
      memory). The order of the frames does not matter, and there is one Cholesky
      factor a pass in place of one a frame.

    Given the same weights, both give the same posterior. A bound on ln p(X) holds with
    either: these weights are point estimates that do no more than choose q(M|X), every
    q(M|X) is admissible, and the model then draws M from it and infers the weights of
    its likelihood given that M.

    Shapes, for B=2 episodes of T=5 codes, S=4 slots, D=3 columns:

    >>> memory = DynamicKanervaMemory(4, 3, "batch", write_passes=2)
    >>> posterior = memory(tf.ones([2, 5, 3]))
    >>> posterior.mean.shape, posterior.covariance.shape
    (TensorShape([2, 4, 3]), TensorShape([2, 4, 4]))

    Args:
      slots, code_size, noise_scale, prior_scale: see `GaussianMemoryLayer`.
      write_form: "batch" or "sequential".
      write_passes: rounds of addressing and writing of the batch form, at least 1.
      weight_scale: sigma_w at the start, over 0.001.
      **kwargs: passed to `keras.layers.Layer`.

    Raises:
      ValueError: `write_form` is unknown or `write_passes` is under 1.
    """

    def __init__(
        self,
        slots: int,
        code_size: int,
        write_form: str,
        write_passes: int,
        noise_scale: float = 1.0,
        prior_scale: float = 1.0,
        weight_scale: float = 0.3,
        **kwargs: Any,
    ) -> None:
        if write_form not in WRITE_FORMS:
            raise ValueError(
                f"write_form must be one of {WRITE_FORMS}. Received: {write_form!r}"
            )
        if write_passes < 1:
            raise ValueError(
                f"write_passes must be at least 1. Received: {write_passes}"
            )
        super().__init__(slots, code_size, noise_scale, prior_scale, **kwargs)
        self.write_form = write_form
        self.write_passes = write_passes
        self._weight_scale = self._add_scale(weight_scale, "weight_scale")

    @property
    def weight_scale(self) -> tf.Tensor:
        """sigma_w, standard deviation of q(w | z, M), float32 scalar."""
        return self._scale(self._weight_scale)

    def address(self, matrix: tf.Tensor, codes: tf.Tensor) -> tf.Tensor:
        """Mean of q(w | z, M), by regularised least squares.

        Args:
          matrix: M, a sample or the mean of the memory, float32 [B, S, D].
          codes: float32 [B, T, D].

        Returns:
          float32 [B, T, S].
        """
        return linear_gaussian.least_squares_weights(matrix, codes, self.noise_variance)

    def read(self, matrix: tf.Tensor, codes: tf.Tensor) -> tf.Tensor:
        """Reads at the addresses of given codes: w = address(M, z), then M^T w.

        The attractor dynamics of [1] decode and encode between reads, which a model
        does with its `refine`.

        Args:
          matrix: M, float32 [B, S, D].
          codes: cues, float32 [B, T, D].

        Returns:
          Codes read, float32 [B, T, D].
        """
        return tf.matmul(self.address(matrix, codes), matrix)

    def call(
        self, codes: tf.Tensor, frame_mask: tf.Tensor | None = None
    ) -> GaussianMemory:
        """Writes an episode of codes.

        Args:
          codes: float32 [B, T, D].
          frame_mask: float32 [B, T], 1 for a real frame, 0 for padding. None: all real.

        Returns:
          The posterior q(M | codes).

        Raises:
          ValueError: the sequential form, and T is not known when the graph is traced.
        """
        memory = self.prior(tf.shape(codes)[0])
        if self.write_form == "sequential":
            if codes.shape[1] is None:
                raise ValueError(
                    "the sequential write unrolls over frames and needs a static "
                    f"episode length. Received: codes of shape {codes.shape}"
                )
            for t in range(codes.shape[1]):
                step = self.address(memory.mean, codes[:, t : t + 1])[:, 0]
                if frame_mask is not None:
                    step = step * frame_mask[:, t, None]
                memory = linear_gaussian.condition_on_one(
                    memory, step, codes[:, t], self.noise_variance
                )
            return memory
        for _ in range(self.write_passes):
            weights = self.address(memory.mean, codes)
            memory = self.write_batch(weights, codes, frame_mask)
        return memory

"""The memory of the Kanerva Machine: a key table turns keys into weights.

Reference:
  [1] Wu, Wayne, Graves, Lillicrap. The Kanerva Machine: A Generative Distributed
      Memory. ICLR 2018. arXiv:1804.01756.
"""

from typing import Any

import keras
import tensorflow as tf

from kpp_tf.models.kanerva_machines.gaussian_memory import GaussianMemoryLayer
from kpp_tf.models.kanerva_machines.linear_gaussian import GaussianMemory


class KanervaMachineMemory(GaussianMemoryLayer):
    """Linear-Gaussian memory addressed through a table of keys [1].

        y_t ~ N(0, I)                    key
        w_t = A b(y_t)                   weights, no softmax; rows of A have length 1
        M   ~ MN(R0, U0, I)              memory
        z_t ~ N(M^T w_t, sigma^2 I)      code: the prior p(z | y, M) of a latent

    b is a perceptron of one hidden layer. Weights follow from keys alone, so the
    posterior of M given all keys and codes of an episode has a closed form, which is
    what a write computes.

    Args:
      slots, code_size, noise_scale, prior_scale: see `GaussianMemoryLayer`.
      address_size: columns of the key table A.
      **kwargs: passed to `keras.layers.Layer`.
    """

    def __init__(
        self,
        slots: int,
        code_size: int,
        address_size: int,
        noise_scale: float = 1.0,
        prior_scale: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(slots, code_size, noise_scale, prior_scale, **kwargs)
        self._table = self.add_weight(
            shape=(slots, address_size),
            initializer="random_normal",
            autocast=False,
            name="table",
        )
        self.hidden = keras.layers.Dense(
            128, activation="relu", dtype="float32", name="hidden"
        )
        self.project = keras.layers.Dense(address_size, dtype="float32", name="project")

    def weights_of(self, keys: tf.Tensor) -> tf.Tensor:
        """Weights w = A b(y).

        Args:
          keys: y, float32 [B, T, K].

        Returns:
          float32 [B, T, S].
        """
        table = tf.math.l2_normalize(tf.convert_to_tensor(self._table), axis=-1)
        address = self.project(self.hidden(keys))
        return tf.einsum("bta,sa->bts", address, table)

    def read(self, matrix: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
        """Mean of p(z | y, M): M^T w(y).

        Args:
          matrix: M, a sample or the mean of the memory, float32 [B, S, D].
          keys: float32 [B, T, K].

        Returns:
          float32 [B, T, D].
        """
        return tf.matmul(self.weights_of(keys), matrix)

    def call(
        self, keys: tf.Tensor, codes: tf.Tensor, frame_mask: tf.Tensor | None = None
    ) -> GaussianMemory:
        """Writes an episode by Bayes' rule: p(M | keys, codes).

        Args:
          keys: float32 [B, T, K].
          codes: float32 [B, T, D].
          frame_mask: float32 [B, T], 1 for a real frame, 0 for padding. None: all real.
        """
        return self.write_batch(self.weights_of(keys), codes, frame_mask)

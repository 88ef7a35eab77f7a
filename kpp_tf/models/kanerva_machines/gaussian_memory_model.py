"""What the models with a Gaussian memory share: draws of M and what its KL counts."""

import math

import tensorflow as tf

from kpp_tf import noise
from kpp_tf.errors import UserError
from kpp_tf.models import gaussians
from kpp_tf.models.kanerva_machines import linear_gaussian
from kpp_tf.models.kanerva_machines.gaussian_memory import GaussianMemoryLayer
from kpp_tf.models.kanerva_machines.linear_gaussian import GaussianMemory
from kpp_tf.models.memory_model import MemoryModel


class GaussianMemoryModel(MemoryModel):
    """A model that writes a posterior q(M|X), and scores under a draw of M.

    `elbo` draws one M an episode. By default the KL of the memory is not counted, so
    that the figure is of ln p(X|M), as that of a deterministic memory is. With
    `memory_kl`, KL[q(M|X) || p(M)] is `kl_memory`, in equal shares for an episode's
    real images, and the bound is of ln p(X). Then start with a small `prior_scale`,
    such as 0.1: memory that nobody reads is else paid for at first.

    With `analytic=False` memory is read at its mean R, as images must be independent
    given the memory for importance weights of each: a bound of ln p(X|R).

    Where the encoder's embeddings are maps (`embedding_side`), a code is the numbers of
    all of their cells in a row, as a decoder of maps (`code_side`) takes it.

    Args:
      memory: the layer that holds the prior and writes.
      memory_kl: whether `elbo` counts the KL of the memory.
      kwargs: see `MemoryModel`.

    Raises:
      UserError: if the code's size is no multiple of the map's cells.
    """

    def __init__(self, *, memory: GaussianMemoryLayer, memory_kl: bool, **kwargs):
        super().__init__(**kwargs)
        self.memory = memory
        self.memory_kl = memory_kl
        self.side = self.encoder.embedding_side
        if memory.code_size % self.side**2:
            raise UserError(
                f"code_size must be a multiple of the {self.side**2} cells of an "
                f"embedding. Received: code_size={memory.code_size}"
            )
        self.cell_size = memory.code_size // self.side**2  # numbers of a code in a cell

    def row(self, maps: tf.Tensor) -> tf.Tensor:
        """[B, T, P, P, C] to [B, T, P * P * C]; what is no map is a row already."""
        if self.side == 1:
            return maps
        batch, length = tf.unstack(tf.shape(maps)[:2])
        return tf.reshape(maps, [batch, length, math.prod(maps.shape[2:])])

    def as_map(self, row: tf.Tensor) -> tf.Tensor:
        """The inverse of `row`."""
        if self.side == 1:
            return row
        batch, length = tf.unstack(tf.shape(row)[:2])
        cells = row.shape[-1] // self.side**2
        return tf.reshape(row, [batch, length, self.side, self.side, cells])

    @property
    def memory_floats(self) -> int:
        return self.memory.memory_floats

    def draw_memory(
        self,
        memory: GaussianMemory,
        seeds: tf.Tensor,
        temperature: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """One sample of M an episode, reparametrised.

        Args:
          memory: q(M).
          seeds: int32 [B, 2].
          temperature: [B], factor of the standard deviation; 1 where it is None.

        Returns:
          float32 [B, S, D].
        """
        shape = tuple(tf.unstack(tf.shape(memory.mean)[1:]))
        drawn = noise.normal(seeds, shape, noise.Stream.MEMORY)
        return linear_gaussian.sample(memory, gaussians.tempered(drawn, temperature))

    def kl_per_image(
        self, memory: GaussianMemory, episode: tf.Tensor, mask: tf.Tensor | None
    ) -> tf.Tensor | None:
        """Shares the KL of a memory evenly among the real images of its episode.

        Args:
          memory: q(M).
          episode: [B, T, ...].
          mask: [B, T], or None where all images are real.

        Returns:
          float32 [B, T], nats per image; None without `memory_kl`.
        """
        if not self.memory_kl:
            return None
        real = tf.ones(tf.shape(episode)[:2])
        if mask is not None:
            real *= mask
        count = tf.reduce_sum(real, axis=1)
        kl = self.memory.kl_memory(memory)
        return tf.math.divide_no_nan(kl, count)[:, None] * real

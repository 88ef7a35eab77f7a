"""From a memory and keys to images: the generator of Kanerva++."""

import tensorflow as tf

from kpp_tf import noise
from kpp_tf.errors import UserError
from kpp_tf.models import gaussians
from kpp_tf.models.kanerva_plus_plus.block_model import BlockModel
from kpp_tf.models.kanerva_plus_plus.latents import Drawn, draw_in_groups
from kpp_tf.models.kanerva_plus_plus.memory import Memory
from kpp_tf.models.kanerva_plus_plus.readable import Reading, Whole
from kpp_tf.noise import Stream


class Generator(BlockModel):
    """y ~ p(Y) = N(0, I),  M-hat = {f_ST(M, y_k)},  z ~ p(Z|M-hat, Y),  x ~ p(X|Z)."""

    def generate(self, memory, num_samples, seeds, temperature=None):
        seeds = noise.checked(seeds, memory.cells.shape[0])
        keys = self.draw_keys(num_samples, seeds, temperature)
        return self.generate_from_keys(memory, keys, seeds, temperature)

    def draw_keys(
        self, num_samples: int, seeds: tf.Tensor, temperature: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Keys from the prior p(Y) = N(0, I): float32 [B, N, K, 3]."""
        shape = (num_samples, self.blocks_per_frame, 3)
        drawn = noise.normal(seeds, shape, Stream.KEYS)
        return gaussians.tempered(drawn, temperature)

    def slot_keys(self) -> tf.Tensor:
        """Keys that read each block of the memory alone: float32 [G*G, 3]."""
        return self.windows.slot_keys()

    def latents_at(
        self, memory: Memory, keys: tf.Tensor, drawn: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Latents of p(Z|M-hat, Y) at keys, float32 [B, N, P*P*L].

        Args:
          memory: B memories.
          keys: [B, N, K, 3].
          drawn: standard normal noise [B, N, P*P*L]; None takes the means, group by
            group.
        """
        prior = self._prior(keys, Whole(self.reader, memory).read(keys))
        return flat(self._drawn(prior, drawn).latents)

    def _drawn(self, prior, drawn, posterior=None) -> Drawn:
        """Latents by noise [B, T, P*P*L], None being 0: see `draw_in_groups`."""
        if drawn is None:
            drawn = tf.zeros_like(prior[0])
        drawn = tf.reshape(drawn, tf.shape(prior[0]))
        chain = self.latent_chain
        return draw_in_groups(self.latent_groups, prior, drawn, chain, posterior)

    def generate_from_keys(
        self,
        memory: Memory,
        keys: tf.Tensor,
        seeds: tf.Tensor | None = None,
        temperature: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Images at given keys, the index of three numbers.

        Args:
          memory: B memories.
          keys: [B, N, K, 3]: scale, x, y.
          seeds: int32 [B, 2] for the latents; None takes the mean of p(Z|M-hat).
          temperature: [B].

        Returns:
          Mean images in [0, 1]: float32 [B, N, H, W, C].

        Raises:
          UserError: for a memory or keys that are not this model's, or (where values
            are known) coverage outside [0, 1], or keys that are no finite numbers.
        """
        memory = self.check_memory(memory)
        keys = self._checked_keys(keys, memory)
        drawn = None
        if seeds is not None:
            seeds = noise.checked(seeds, memory.cells.shape[0])
            drawn = self._noise(seeds, tf.shape(keys)[1])
            drawn = gaussians.tempered(drawn, temperature)
        return self.picture(self.latents_at(memory, keys, drawn))

    def _noise(self, seeds, length):
        size = self.block_size**2 * self.latent_size
        return noise.normal(seeds, (length, size), Stream.LATENTS)

    def refine(self, memory, images):
        contents = self.writer.contents(self._queries(memory, images))
        blocks = Whole(self.reader, memory).nearest(contents)
        return self.generate_from_keys(memory, tf.gather(self.slot_keys(), blocks))

    def nearness(self, memory: Memory, queries: tf.Tensor) -> tf.Tensor:
        """How near what each block holds is to what queries would write.

        1 / (1 + the squared distance), which is 1e-30 where nothing is written.
        `refine` reads where it is largest.

        Args:
          memory: B memories.
          queries: [B, T, H, W, C] in [0, 1].

        Returns:
          float32 [B, T, K, G*G], in [0, 1].
        """
        contents = self.writer.contents(self._queries(memory, queries))
        distance = Whole(self.reader, memory).distances(contents)
        distance += tf.reduce_sum(contents**2, axis=-1, keepdims=True)
        return 1.0 / (1.0 + tf.maximum(distance, 0.0))

    def _queries(self, memory, queries):
        memory = self.check_memory(memory)
        none = tf.zeros(tf.shape(queries)[:2])
        return self._encode(queries, none, memory.carry)[0]

    def _prior(self, keys, reading: Reading):
        """p(Z|M-hat, Y) over the P*P*L latents of an image: batch [B, T]."""
        blocks, covered = reading
        batch, length = tf.unstack(tf.shape(keys)[:2])
        size, count = self.block_size, self.blocks_per_frame
        maps = [batch, length, size, size]
        blocks = tf.reshape(blocks, [-1, count, size**2, self.memory_depth])
        blocks = tf.transpose(blocks, [0, 2, 1, 3])
        blocks = tf.reshape(blocks, [*maps, count * self.memory_depth])
        covered = tf.reshape(covered, [-1, count, size**2])
        covered = tf.reshape(tf.transpose(covered, [0, 2, 1]), [*maps, count])
        scales = keys[:, :, tf.newaxis, tf.newaxis, :, 0]
        breadth = self.reader.breadth(scales) * tf.ones_like(covered)
        areas = self.reader.widths(scales) ** 2
        number = tf.math.log1p(covered * areas)
        context = tf.concat([covered, breadth, number], axis=-1)
        context = tf.ensure_shape(context, [None, None, size, size, 3 * count])
        share = tf.repeat(1 / tf.maximum(areas, 1.0), self.memory_depth, axis=-1)
        return self.latent_prior(blocks, blocks * share, context)

    def _checked_keys(self, keys, memory):
        keys = tf.convert_to_tensor(keys)
        batch = memory.cells.shape[0]
        expected = [batch, None, self.blocks_per_frame, 3]
        if not keys.shape.is_compatible_with(expected):
            raise UserError(
                f"keys must be [{batch or 'B'}, N, {self.blocks_per_frame}, 3]. "
                f"Received: {tuple(keys.shape)}"
            )
        if tf.executing_eagerly() and not tf.reduce_all(tf.math.is_finite(keys)):
            raise UserError("keys must be finite numbers. Received: NaN or infinity")
        return keys


def flat(maps: tf.Tensor) -> tf.Tensor:
    """[B, T, P, P, L] to [B, T, P*P*L]."""
    batch, length = tf.unstack(tf.shape(maps)[:2])
    size = maps.shape[2] * maps.shape[3] * maps.shape[4]
    return tf.reshape(maps, [batch, length, size])

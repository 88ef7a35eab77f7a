"""The allocator: gives each frame of an episode its own place in the memory."""

import statistics

import keras
import numpy as np
import tensorflow as tf

from kpp_tf.layers.gaussian_head import GaussianHead


def slot_centres(memory_size: int, block_size: int) -> np.ndarray:
    """Keys (x, y) at the centres of the blocks that tile the memory, row by row.

    Args:
      memory_size: S.
      block_size: P.

    Returns:
      float32 [N, 2] with N = floor(S / P)^2, in the space of keys: Phi of it is the
      centre's place in the memory.
    """
    per_side = memory_size // block_size
    places = (np.arange(per_side) + 0.5) * block_size / memory_size
    keys = [statistics.NormalDist().inv_cdf(place) for place in places]
    rows, columns = np.meshgrid(keys, keys, indexing="ij")
    return np.stack([columns.ravel(), rows.ravel()], axis=-1).astype(np.float32)


@keras.saving.register_keras_serializable(package="kpp_tf")
class Allocator(keras.layers.Layer):
    """Key posterior q(Y|X) whose means start spread over the memory.

    Block k of frame t owns slot n = (t K + k) mod N. Its key's mean is that slot's
    learned place, moved by the frame's content by at most `reach`:

        mu_n = (0, x_n, y_n) + (h_0, spread reach tanh(h_1), spread reach tanh(h_2))

    with h and the standard deviation from a Gaussian head on the embedding. Means that
    are chosen by content alone collide: two frames that fall on the same cells are read
    back mixed, and that costs more nats than anything else in this model.

    Args:
      memory_size: S.
      block_size: P.
      blocks_per_frame: K.
      initial_stddev: of the place (x, y), at the start; a wide key reads its
        neighbours and the keys then collapse.
      initial_scale_stddev: of the scale, at the start.
      reach: largest move of a place by content, in the space of keys.
      spread: factor of a place's standard deviation and of `reach`. S / S' keeps both
        about what they were in cells, where weights that were trained for S cells a
        side serve a memory of S'.
    """

    def __init__(
        self,
        memory_size: int,
        block_size: int = 1,
        blocks_per_frame: int = 1,
        initial_stddev: float = 0.02,
        initial_scale_stddev: float = 1.0,
        reach: float = 0.02,
        spread: float = 1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.memory_size = memory_size
        self.block_size = block_size
        self.blocks_per_frame = blocks_per_frame
        self.initial_stddev = initial_stddev
        self.initial_scale_stddev = initial_scale_stddev
        self.reach = reach
        self.spread = spread
        self.num_slots = (memory_size // block_size) ** 2
        place = {"initial_stddev": initial_stddev, "initial_mean_scale": 0.0}
        self.place = GaussianHead(2 * blocks_per_frame, name="place", **place)
        self.scale = GaussianHead(
            blocks_per_frame,
            initial_stddev=initial_scale_stddev,
            initial_mean_scale=0.0,
            name="scale",
        )

    def build(self, input_shape):
        centres = slot_centres(self.memory_size, self.block_size)
        self.slots = self.add_weight(
            shape=centres.shape,
            initializer=lambda shape, dtype=None: tf.constant(centres, dtype),
            dtype="float32",
            autocast=False,
            name="slots",
        )
        self.place.build(input_shape)
        self.scale.build(input_shape)
        self.built = True

    def slot_keys(self) -> tf.Tensor:
        """The places of all slots as keys of scale 0: float32 [N, 3]."""
        slots = tf.convert_to_tensor(self.slots)
        return tf.concat([tf.zeros_like(slots[:, :1]), slots], axis=-1)

    def take_displacement(self, other: "Allocator") -> None:
        """Moves the slots by what training moved another allocator's alike.

        Training moves all slots by one offset, which undoes the part of the frames'
        moves that is the same for all. The median of the offsets is taken: slots at the
        border, or that no frame ever took, moved otherwise.

        Args:
          other: a trained allocator, of a memory of any size.
        """
        offsets = other.slots - slot_centres(other.memory_size, other.block_size)
        common = np.median(offsets, axis=0) * self.spread / other.spread
        self.slots.assign(slot_centres(self.memory_size, self.block_size) + common)

    def turns(
        self, length: tf.Tensor, frame_mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Which frame writes in which turn, so that no slot is left blank.

        An episode that is over before all slots are taken is written again from its
        start: turn u is of frame u mod c, with c the number of real frames. A key from
        the prior then always reads an image, and each copy is read as well as the
        first.

        Args:
          length: T, int32 [].
          frame_mask: [B, T], 1 for a real frame and 0 for padding at the end.

        Returns:
          float32 [B, U, T] (B = 1 without a mask) with U = max(T, floor(N / K)): 1
          where turn u is of frame t. A turn of padding, when all slots are taken or
          there is no frame, has a row of zeros.
        """
        slots = self.num_slots // self.blocks_per_frame
        turn = tf.range(tf.maximum(length, slots))[None, :]
        if frame_mask is None:
            return tf.one_hot(turn % length, length)
        real = tf.cast(tf.reduce_sum(frame_mask, axis=1, keepdims=True), tf.int32)
        written = (turn < tf.maximum(real, slots)) & (real > 0)
        return tf.one_hot(tf.where(written, turn % tf.maximum(real, 1), -1), length)

    def call(self, embeddings: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Allocates.

        Args:
          embeddings: [B, T, F].

        Returns:
          (mean, stddev) of q(Y|X), each float32 [B, T, K, 3]; see
          `kpp_tf.models.key_posteriors`.
        """
        batch, length = tf.unstack(tf.shape(embeddings)[:2])
        shape = [batch, length, self.blocks_per_frame, -1]
        move, place_stddev = (tf.reshape(h, shape) for h in self.place(embeddings))
        scale, scale_stddev = (tf.reshape(h, shape) for h in self.scale(embeddings))
        owned = tf.range(length * self.blocks_per_frame) % self.num_slots
        slots = tf.gather(tf.convert_to_tensor(self.slots), owned)
        slots = tf.reshape(slots, [1, length, self.blocks_per_frame, 2])
        place = slots + self.spread * self.reach * tf.tanh(move)
        mean = tf.concat([scale, place], axis=-1)
        return mean, tf.concat([scale_stddev, self.spread * place_stddev], axis=-1)

    def get_config(self):
        return {
            **super().get_config(),
            "memory_size": self.memory_size,
            "block_size": self.block_size,
            "blocks_per_frame": self.blocks_per_frame,
            "initial_stddev": self.initial_stddev,
            "initial_scale_stddev": self.initial_scale_stddev,
            "reach": self.reach,
            "spread": self.spread,
        }

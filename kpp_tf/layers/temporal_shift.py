"""Temporal shift: frames of an episode exchange channels at no arithmetic cost."""

import keras
import tensorflow as tf

MODES = ("bidirectional", "causal", "none")


@keras.saving.register_keras_serializable(package="kpp_tf")
class TemporalShift(keras.layers.Layer):
    """Shifts a fraction of the channels along time, with zeros at both ends.

    Bidirectional, with f = floor(channels * fraction):

        out[t, :f]   = in[t-1, :f]      (forward: from the frame before)
        out[t, f:2f] = in[t+1, f:2f]    (back: from the frame after)
        out[t, 2f:]  = in[t, 2f:]

    Causal mode has the first line alone; "none" returns its input. Padded frames
    count as if the episode had ended before them.

    Reference: Lin, Gan, Han, "TSM: Temporal Shift Module for Efficient Video
    Understanding", ICCV 2019.

    Args:
      mode: "bidirectional", "causal" or "none".
      fraction: share of the channels moved in each direction, in [0, 1/2].
    """

    def __init__(self, mode: str = "bidirectional", fraction: float = 0.125, **kwargs):
        super().__init__(**kwargs)
        if mode not in MODES:
            raise ValueError(f"mode must be one of {MODES}. Received: {mode!r}")
        if not 0 <= fraction <= 0.5:
            raise ValueError(f"fraction must be in [0, 0.5]. Received: {fraction}")
        self.mode = mode
        self.fraction = fraction

    def call(
        self, features: tf.Tensor, frame_mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Shifts.

        Args:
          features: [B, T, ..., channels], at least rank 3.
          frame_mask: [B, T], 1 for a real frame and 0 for padding at the end.

        Returns:
          Same shape and dtype as `features`.
        """
        moved = int(features.shape[-1] * self.fraction)
        if self.mode == "none" or moved == 0:
            return features
        if frame_mask is not None:
            mask = tf.cast(frame_mask, features.dtype)
            ones = [1] * (len(features.shape) - 2)
            features = features * tf.reshape(mask, [*tf.unstack(tf.shape(mask)), *ones])
        blank = tf.zeros_like(features[:, :1, ..., :moved])
        parts = [tf.concat([blank, features[:, :-1, ..., :moved]], axis=1)]
        if self.mode == "bidirectional":
            back = features[:, 1:, ..., moved : 2 * moved]
            parts.append(tf.concat([back, blank], axis=1))
        rest = features[..., moved * len(parts) :]
        return tf.concat([*parts, rest], axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "mode": self.mode, "fraction": self.fraction}

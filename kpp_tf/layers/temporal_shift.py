"""Temporal shift: frames of an episode exchange channels at no arithmetic cost."""

from typing import Any

import keras
import tensorflow as tf

MODES = ("bidirectional", "causal", "none")


@keras.saving.register_keras_serializable(package="kpp_tf")
class TemporalShift(keras.layers.Layer):
    """Shifts a fraction of the channels along time, among the frames that are written.

    With f = floor(channels * fraction), and p(t) and n(t) the last written frame before
    frame t and the first one after it:

        out[t, :f]   = in[p(t), :f]     (forward: from the frame before)
        out[t, f:2f] = in[n(t), f:2f]   (back: from the frame after)
        out[t, 2f:]  = in[t, 2f:]

    Zeros replace a missing frame; at the start, an earlier part of the episode may hand
    on its last frame's channels. Causal mode has the first line alone, so that an
    episode can be encoded a frame at a time; "none" returns its input. A frame that is
    not written receives channels but hands none on.

    Reference: Lin, Gan, Han, "TSM: Temporal Shift Module for Efficient Video
    Understanding", ICCV 2019.

    Args:
      mode: "bidirectional", "causal" or "none".
      fraction: share of the channels moved in each direction, in [0, 1/2].
    """

    def __init__(self, mode: str = "causal", fraction: float = 0.125, **kwargs: Any):
        super().__init__(**kwargs)
        if mode not in MODES:
            raise ValueError(f"mode must be one of {MODES}. Received: {mode!r}")
        if not 0 <= fraction <= 0.5:
            raise ValueError(f"fraction must be in [0, 0.5]. Received: {fraction}")
        self.mode = mode
        self.fraction = fraction

    def moved(self, channels: int) -> int:
        """f, the channels that move forward, and back in bidirectional mode."""
        return 0 if self.mode == "none" else int(channels * self.fraction)

    def call(
        self,
        features: tf.Tensor,
        written: tf.Tensor | None = None,
        carry: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Shifts.

        Args:
          features: [B, T, ..., channels], at least rank 3.
          written: [B, T], 1 for a frame that hands its channels on; None: all do.
          carry: [B, ..., f], of `handed_on` of the frames before these; None: zeros.

        Returns:
          Same shape and dtype as `features`.
        """
        moved = self.moved(features.shape[-1])
        if not moved:
            return features
        parts = [_previous(features[..., :moved], written, carry)]
        if self.mode == "bidirectional":
            back = features[..., moved : 2 * moved]
            turned = None if written is None else written[:, ::-1]
            parts.append(_previous(back[:, ::-1], turned, None)[:, ::-1])
        rest = features[..., moved * len(parts) :]
        return tf.concat([*parts, rest], axis=-1)

    def handed_on(
        self,
        features: tf.Tensor,
        written: tf.Tensor | None = None,
        carry: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """The channels that these frames hand on to the next: [B, ..., f]."""
        moved = self.moved(features.shape[-1])
        if not moved:
            return tf.reduce_sum(features, axis=1)[..., :0]
        forward = features[..., :moved]
        after = tf.concat([forward, tf.zeros_like(_first(forward, carry))], axis=1)
        if written is not None:
            written = tf.pad(written, [[0, 0], [0, 1]])
        return _previous(after, written, carry)[:, -1]


def _first(features: tf.Tensor, carry: tf.Tensor | None) -> tf.Tensor:
    """The channels before the first frame: `carry` or zeros, [B, 1, ...]."""
    if carry is not None:
        return tf.cast(carry, features.dtype)[:, tf.newaxis]
    shape = tf.shape(features)
    return tf.zeros(tf.concat([shape[:1], [1], shape[2:]], axis=0), features.dtype)


def _previous(
    features: tf.Tensor, written: tf.Tensor | None, carry: tf.Tensor | None
) -> tf.Tensor:
    """The features of the last written frame before each: [B, T, ...]."""
    first = _first(features, carry)
    if written is None:
        return tf.concat([first, features[:, :-1]], axis=1)[:, : tf.shape(features)[1]]
    batch, length = tf.unstack(tf.shape(features)[:2])
    frames = tf.range(length)
    number = (frames + 1) * tf.cast(written > 0, tf.int32)  # 0 is `first`
    earlier = tf.where(frames[:, None] > frames, number[:, None], 0)
    source = tf.reduce_max(tf.pad(earlier, [[0, 0], [0, 0], [1, 0]]), axis=-1)
    # A product, not a gather: its gradient is deterministic on a GPU.
    choice = tf.one_hot(source, length + 1, dtype=features.dtype)
    known = tf.concat([first, features], axis=1)
    width = 1
    for side in features.shape[2:]:
        width *= side
    moved = tf.matmul(choice, tf.reshape(known, [batch, length + 1, width]))
    return tf.reshape(moved, tf.shape(features))

"""Where a frame looks: the candidate regions of its keys."""

import tensorflow as tf

from kpp_tf.layers.block_memory.writer import BlockWriter, Writing
from kpp_tf.models.kanerva_plus_plus.keys import Region
from kpp_tf.models.kanerva_plus_plus.options.nearest import nearest_region
from kpp_tf.models.kanerva_plus_plus.views import View
from kpp_tf.models.kanerva_plus_plus.windows import Windows


class Regions:
    """Candidate regions of q(Y|X) for frames that read a view of the memory.

    Args:
      windows: the learned widths.
      writer: says what frames would store, and where they belong.
      near: whether unseen frames may read the block most like them (`model.near`).
    """

    def __init__(self, windows: Windows, writer: BlockWriter, near: bool):
        self.windows = windows
        self.writer = writer
        self.near = near

    def of_any(self, embeddings: tf.Tensor, view: View) -> list[Region]:
        """For frames of which nobody says whether they were written.

        Returns:
          Recall of the block whose content is nearest, then those `of_unseen`.
        """
        contents = self.writer.contents(embeddings)
        places = self.writer.places(embeddings)
        nearest = view.nearest(contents)
        unseen = self._unseen(embeddings, view, places, nearest)
        return [self.windows.recall(nearest), *unseen]

    def of_unseen(
        self, embeddings: tf.Tensor, view: View, writing: Writing
    ) -> list[Region]:
        """For frames that the memory does not hold.

        Args:
          embeddings: float32 [B, T, P, P, F].
          view: what each frame may read.
          writing: of the same frames.

        Returns:
          The region around a frame's place; with `near` also the nearest block's.
        """
        nearest = view.nearest(writing.contents) if self.near else None
        return self._unseen(embeddings, view, writing.places, nearest)

    def _unseen(
        self,
        embeddings: tf.Tensor,
        view: View,
        places: tf.Tensor,
        nearest: tf.Tensor | None,
    ) -> list[Region]:
        features = tf.reduce_mean(embeddings, axis=[2, 3])
        fullness = tf.broadcast_to(view.fullness(), tf.shape(features)[:2])
        around = self.windows(features, fullness, tf.stop_gradient(places))
        if not self.near:
            return [around]
        empty = fullness[..., tf.newaxis, tf.newaxis] == 0
        near = nearest_region(self.windows.reader, nearest)
        return [around, around.where(empty, near)]

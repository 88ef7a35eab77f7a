"""The effect of a key's scale, from the finest window to the whole memory."""

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from kpp_tf.data import Episodes
from kpp_tf.evaluation import key_moves, pixels
from kpp_tf.evaluation.averages import Totals
from kpp_tf.models import MemoryModel

WIDTHS = 7


def widths(model: MemoryModel) -> np.ndarray:
    """Widths of windows in blocks, evenly spaced in the logarithm: finest to 2G."""
    return np.geomspace(
        float(model.reader.finest), 2 * key_moves.blocks_a_side(model), WIDTHS
    )


def scale_sweep(model: MemoryModel, dataset: Iterable[Episodes]) -> list[dict] | None:
    """Reads the places of written images through windows of growing width.

    Images are drawn from p(Z|M-hat), a picture at each place.

    Args:
      model: with trained weights.
      dataset: batches of `Episodes`, whose images are written.

    Returns:
      None for a model without keys. Else for each of `WIDTHS` windows, the finest
      first: `width` in blocks; `bound`, in nats/image, of -ln p(x given M and the key)
      for the written image at the key's place, without the KL of the key; `distance` of
      the picture to that image; `novelty`, its distance to the nearest written image;
      `diversity`, the mean distance of two pictures from one memory. Distances are mean
      absolute differences of a pixel.
    """
    if not key_moves.has_keys(model):
        return None
    write, read = tf.function(model.write), tf.function(model.generate_from_keys)
    score = tf.function(model.elbo_at)
    rows = [{"width": width, "totals": Totals()} for width in widths(model).tolist()]
    for batch in dataset:
        images, counted = batch.images.numpy(), batch.mask.numpy()
        memory = write(batch.images, batch.mask)
        recall = key_moves.recall_keys(model, memory, batch.images)
        for row in rows:
            wide = key_moves.with_width(model, recall, row["width"])
            found = pixels.likeliest(model, read(memory, wide, batch.seeds))
            numbers = {
                "bound": score(
                    memory, batch.images, wide, batch.seeds, batch.mask
                ).bound,
                "distance": np.abs(found - images).mean(axis=(2, 3, 4)),
                "novelty": np.zeros(counted.shape),
                "diversity": np.zeros(counted.shape),
            }
            for episode, real in enumerate(counted > 0):
                own = found[episode, real]
                if len(own):
                    near = pixels.nearest(own, images[episode, real])
                    numbers["novelty"][episode, real] = near
                    apart = pixels.distances(own, own).sum(axis=1)
                    numbers["diversity"][episode, real] = apart / max(len(own) - 1, 1)
            row["totals"].add(numbers, counted)
    return [{"width": row["width"], **row["totals"].means()} for row in rows]

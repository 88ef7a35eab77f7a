"""TensorBoard files of a run: `tensorboard --logdir=WORKDIR/tensorboard`."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from ml_collections import ConfigDict
from tensorboard.plugins.hparams import api as hparams

from kpp_tf import plots
from kpp_tf.data import Episodes
from kpp_tf.models import KanervaPlusPlus, Memory, MemoryModel
from kpp_tf.validation import flatten

FOLDER = "tensorboard"
IMAGES = 8  # shown of each episode
CANVAS = 96  # pixels along a side of the key scatter


class Summaries:
    """Writes scalars, pictures and histograms.

    Args:
      workdir: the run's folder.
      config: shown as text, and as hyperparameters to compare runs by.
      model: whose samples and weights are shown.
      episodes: a fixed batch to show.
    """

    def __init__(
        self, workdir: Path, config: ConfigDict, model: MemoryModel, episodes: Episodes
    ):
        self.folder = Path(workdir) / FOLDER
        self.model = model
        self.episodes = episodes
        self.writer = tf.summary.create_file_writer(str(self.folder))
        text = json.dumps(config.to_dict(), indent=2)
        with self.writer.as_default(step=0):
            tf.summary.text("config", f"```\n{text}\n```")
            fields = flatten(config.to_dict()).items()
            hparams.hparams(
                {
                    name: value if isinstance(value, int | float | str) else str(value)
                    for name, value in fields
                }
            )

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Writes finite numbers by name; skips the others."""
        with self.writer.as_default(step=step):
            for name, value in values.items():
                if np.isfinite(value):
                    tf.summary.scalar(name, value)
        self.writer.flush()

    def pictures(self, step: int) -> None:
        """Writes grids of images, the memory's occupancy, keys, and histograms."""
        images, mask, _, seeds = self.episodes
        memory = self.model.write(images, mask)
        shown = images[:, :IMAGES]
        read = self.model.reconstruct(memory, images, seeds, mask)[:, :IMAGES]
        samples = self.model.generate(memory, IMAGES, seeds)
        with self.writer.as_default(step=step):
            _image("images/written", plots.image_grid(shown.numpy(), zoom=2))
            _image("images/reconstructed", plots.image_grid(read.numpy(), zoom=2))
            _image("images/generated", plots.image_grid(samples.numpy(), zoom=2))
            for name, part in _named_parts(memory):
                tf.summary.histogram(f"memory/{name}", part)
                if part.shape.rank == 4:
                    cells = occupancy(part.numpy())
                    _image(f"memory/{name}", plots.image_grid(cells, zoom=8))
            if isinstance(self.model, KanervaPlusPlus):
                keys = self.model.infer_keys(memory, images)
                places = self.model.reader.places(keys[..., 1:]).numpy()
                _image("keys", plots.image_grid(key_scatter(places)))
            for weight in self.model.weights:
                name = weight.path.partition("/")[2]
                tf.summary.histogram(f"weights/{name}", weight.value)
        self.writer.flush()


def occupancy(memory: np.ndarray) -> np.ndarray:
    """The content of each cell of spatial memories.

    Args:
      memory: [B, S, S, D].

    Returns:
      Root mean square of each cell over the largest of its memory, as images in
      [0, 1]: float [1, B, S, S, 1].
    """
    cells = np.sqrt(np.mean(np.square(memory, dtype=np.float64), axis=-1))
    largest = cells.max(axis=(1, 2), keepdims=True)
    return (cells / np.maximum(largest, 1e-12))[None, ..., None]


def key_scatter(places: np.ndarray) -> np.ndarray:
    """Draws the places of keys in the memory, Phi(x) to the right and Phi(y) down.

    Args:
      places: [B, T, K, 2] of (x, y), shares of the memory's sides.

    Returns:
      One image an episode, a bright pixel a key: float [1, B, CANVAS, CANVAS, 1].
    """
    pixels = np.clip((places * CANVAS).astype(int), 0, CANVAS - 1)
    canvas = np.zeros((len(places), CANVAS, CANVAS))
    for episode, places_of in zip(canvas, pixels, strict=True):
        episode[places_of[..., 1].ravel(), places_of[..., 0].ravel()] = 1.0
    return canvas[None, ..., None]


def _named_parts(memory: Memory) -> Iterable[tuple[str, tf.Tensor]]:
    if hasattr(memory, "_asdict"):
        return memory._asdict().items()
    return [("memory", memory)]


def _image(name: str, pixels: np.ndarray) -> None:
    tf.summary.image(name, pixels[None])

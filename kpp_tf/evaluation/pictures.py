"""The paper's pictures from a trained model: one function a picture."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from kpp_tf import noise, plots
from kpp_tf.data import Episodes
from kpp_tf.evaluation import corruptions
from kpp_tf.evaluation.iterative_inference import refine_repeatedly
from kpp_tf.models import KanervaPlusPlus, MemoryModel

ZOOM = 2


def reconstructions(
    model: MemoryModel, batch: Episodes, columns: int = 16
) -> np.ndarray:
    """Pairs of rows: written images, and what is read with their inferred keys."""
    memory = model.write(batch.images, batch.mask)
    read = model.reconstruct(memory, batch.images, batch.seeds, batch.mask)
    pairs = np.stack([batch.images[:, :columns], read[:, :columns]], axis=1)
    return _grid(pairs.reshape(-1, *pairs.shape[2:]))


def samples(
    model: MemoryModel, batch: Episodes, columns: int = 16, temperature: float = 1.0
) -> np.ndarray:
    """Per memory, a row of written images and a row of generations from p(Y)."""
    written = batch.images[:, :columns]
    drawn = _generate(model, batch, written.shape[1], temperature)
    pairs = np.stack([written, drawn], axis=1)
    return _grid(pairs.reshape(-1, *pairs.shape[2:]))


def iterative_inference(
    model: MemoryModel, batch: Episodes, columns: int = 16, steps: int = 5
) -> tuple[np.ndarray, np.ndarray]:
    """Generations of one memory, improved step by step, downwards.

    Returns:
      (grid, nll): `nll` float32 [steps + 1], mean nats an image; see
      `iterative_inference.reading_nll`.
    """
    memory = model.write(batch.images, batch.mask)
    drawn = _generate(model, batch, columns, 1.0)
    path = refine_repeatedly(model, memory, drawn, steps)
    return _grid(path.images[:, 0]), path.nll.mean(axis=(1, 2))


def key_perturbations(
    model: KanervaPlusPlus, batch: Episodes, columns: int = 16, variance: float = 0.01
) -> np.ndarray:
    """Rows: key y ~ p(Y) first, then y + N(0, variance) around it."""
    memory = model.write(batch.images, batch.mask)
    keys = model.draw_keys(1, batch.seeds)
    shape = (columns, model.blocks_per_frame, 3)
    moves = noise.normal(batch.seeds, shape, noise.Stream.KEY_MOVES) * variance**0.5
    moves *= tf.reshape(tf.cast(tf.range(columns) > 0, tf.float32), [1, -1, 1, 1])
    return _grid(model.generate_from_keys(memory, keys + moves))


def key_path(model: KanervaPlusPlus, batch: Episodes, columns: int = 16) -> np.ndarray:
    """Rows: images along the straight path of keys between two written frames."""
    memory = model.write(batch.images, batch.mask)
    keys = model.infer_keys(memory, batch.images)
    share = tf.reshape(tf.linspace(0.0, 1.0, columns), [1, -1, 1, 1])
    path = keys[:, :1] * (1 - share) + keys[:, 1:2] * share
    return _grid(model.generate_from_keys(memory, path))


def denoising(
    model: MemoryModel, batch: Episodes, columns: int = 16, steps: int = 3
) -> dict[str, np.ndarray]:
    """Iterative reading of damaged images: a grid for each kind of damage.

    Rows of a grid: the written images, the damaged ones, then each reading.
    """
    memory = model.write(batch.images, batch.mask)
    queries = batch.images[:, :columns]
    grids = {}
    for name, corrupt in corruptions.BY_NAME.items():
        damaged = corrupt(queries, batch.seeds)
        path = refine_repeatedly(model, memory, damaged, steps)
        grids[name] = _grid(np.concatenate([queries[:1], path.images[:, 0]]))
    return grids


def memory_map(model: KanervaPlusPlus, batch: Episodes):
    """The heap picture of the first episode: a matplotlib figure."""
    first = batch.images[:1], batch.mask[:1]
    keys = model.key_posterior(*first).mean()
    return plots.occupancy(
        model.ownership(*first)[0].numpy(),
        model.reader.places(keys[0, ..., 1:]).numpy(),
        "which frame wrote which cell",
    )


def write_all(
    model: MemoryModel,
    batch: Episodes,
    folder: str | Path,
    progress: Callable[[], None] = lambda: None,
) -> list[Path]:
    """Writes every picture that the model can make into a folder.

    Args:
      model: with trained weights.
      batch: of test episodes, at least one.
      folder: for the PNG files.
      progress: called after each picture.

    Returns:
      The files.
    """
    folder = Path(folder)
    files = []

    def keep(name, content):
        save = plots.save_png if isinstance(content, np.ndarray) else plots.save_figure
        files.append(save(folder / f"{name}.png", content))
        progress()

    few = tf.nest.map_structure(lambda part: part[:4], batch)
    keep("reconstructions", reconstructions(model, few))
    keep("samples", samples(model, few))
    grid, nll = iterative_inference(model, few)
    keep("iterative_inference", grid)
    figure = plots.curves({"generated": nll}, "iteration", "nats/image of the reading")
    keep("iterative_inference_curve", figure)
    for name, grid in denoising(model, few).items():
        keep(f"denoising_{name}", grid)
    if isinstance(model, KanervaPlusPlus):
        keep("key_perturbations", key_perturbations(model, few))
        keep("key_path", key_path(model, few))
        keep("memory_map", memory_map(model, few))
    return files


def _generate(model, batch, columns, temperature):
    memory = model.write(batch.images, batch.mask)
    temperature = tf.fill([len(batch.images)], temperature)
    return model.generate(memory, columns, batch.seeds, temperature)


def _grid(images):
    return plots.image_grid(np.asarray(images), zoom=ZOOM)

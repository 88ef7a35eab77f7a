"""Pictures of what a model recalls, generates and does with keys: one a function.

Every grid shows the first episodes of a batch, images in rows.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from kpp_tf import noise, plots
from kpp_tf.data import Episodes
from kpp_tf.evaluation import corruptions, key_moves
from kpp_tf.evaluation.scale_sweep import widths
from kpp_tf.models import KanervaPlusPlus, Memory, MemoryModel

ZOOM = 2
SMALL = 32  # pixels a side; larger images are not zoomed
COLUMNS = 16
SEEN = (0, 1, 2, 4, 9)
DRAWS = 6
CHARACTERS = 3
MEDIUM = 2.0  # blocks


def recall(model: MemoryModel, batch: Episodes) -> np.ndarray:
    """Pairs of rows: written images, and their readings from the memory."""
    memory = model.write(batch.images, batch.mask)
    return _rows(batch.images, model.reconstruct(memory, batch.images, batch.seeds))


def unseen(model: MemoryModel, batch: Episodes) -> np.ndarray:
    """Three rows an episode: written images, images not written, readings of those.

    The first half of each episode is written. The model sees the other images only to
    choose where to read.
    """
    half = batch.images.shape[1] // 2
    written = tf.cast(tf.range(batch.images.shape[1]) < half, tf.float32) * batch.mask
    memory = model.write(batch.images, batch.mask, written)
    others = batch.images[:, half:]
    read = model.reconstruct(memory, others, batch.seeds, batch.mask[:, half:])
    return _rows(batch.images[:, :half], others, read)


def samples(model: MemoryModel, batch: Episodes) -> np.ndarray:
    """Pairs of rows: written images, and draws from p(Y)."""
    memory = model.write(batch.images, batch.mask)
    return _rows(
        batch.images, model.generate(memory, batch.images.shape[1], batch.seeds)
    )


def iterative_inference(
    model: MemoryModel, batch: Episodes, steps: int = 5
) -> np.ndarray:
    """Draws of the first memory from p(Y), then each reading, downwards."""
    memory = model.write(batch.images, batch.mask)
    drawn = model.generate(memory, COLUMNS, batch.seeds)
    return _grid(_readings(model, memory, drawn, steps)[:, 0])


def denoising(
    model: MemoryModel, batch: Episodes, steps: int = 3
) -> dict[str, np.ndarray]:
    """Iterative reading of damaged images of the first episode, by kind of damage.

    Rows: the written images, the damaged ones, then each reading.
    """
    memory = model.write(batch.images, batch.mask)
    queries = batch.images[:, :COLUMNS]
    damages = {n: f(queries, batch.seeds) for n, f in corruptions.BY_NAME.items()}
    damages["hidden_half"] = corruptions.hide_half(queries)
    grids = {}
    for name, damaged in damages.items():
        readings = _readings(model, memory, damaged, steps)
        grids[name] = _grid(np.concatenate([queries[:1], readings[:, 0]]))
    return grids


def gist(model: KanervaPlusPlus, batch: Episodes) -> np.ndarray:
    """Pairs of rows: written images, and draws from a window over all of the memory."""
    memory = model.write(batch.images, batch.mask)
    places = model.draw_keys(batch.images.shape[1], batch.seeds)
    wide = key_moves.with_width(model, places, float(widths(model)[-1]))
    return _rows(batch.images, model.generate_from_keys(memory, wide, batch.seeds))


def zoom(model: KanervaPlusPlus, batch: Episodes) -> np.ndarray:
    """An image, then readings with one key whose window widens to the right.

    A row for each episode's first image; the noise of the latents is the same along it.
    """
    memory = model.write(batch.images, batch.mask)
    key = key_moves.recall_keys(model, memory, batch.images)[:, :1]
    columns = [batch.images[:, 0]]
    finest, *_, all_of_it = widths(model)
    for width in np.geomspace(finest, all_of_it, COLUMNS - 1):
        wide = key_moves.with_width(model, key, float(width))
        columns.append(model.generate_from_keys(memory, wide, batch.seeds)[:, 0])
    return _grid(np.stack(columns, axis=1))


def walk(model: KanervaPlusPlus, batch: Episodes) -> np.ndarray:
    """The first memory as a map: the finest window at places half a block apart.

    Places where nothing is written show the mean of the prior without a memory.
    """
    memory = model.write(batch.images[:1], batch.mask[:1])
    side = min(2 * key_moves.blocks_a_side(model) - 1, COLUMNS)
    x, y = np.meshgrid(*[0.5 + np.arange(side, dtype=np.float32) / 2] * 2)
    places = np.stack([x, y], axis=-1).reshape(1, -1, 1, 2)
    places = tf.constant(np.repeat(places, model.blocks_per_frame, axis=2))
    blank = tf.zeros([*places.shape[:-1], 3])
    key = key_moves.at_positions(model, key_moves.with_width(model, blank, 0.0), places)
    images = model.generate_from_keys(memory, key).numpy()
    return _grid(images.reshape(side, side, *model.image_shape))


def nudges(model: KanervaPlusPlus, batch: Episodes) -> np.ndarray:
    """A written image, its recall, then moves of its key by 1/4, 1/2 and 1 block.

    A row for each episode's first image; each move is made in four directions.
    """
    memory = model.write(batch.images, batch.mask)
    key = key_moves.recall_keys(model, memory, batch.images)[:, :1]
    moves = [key]
    for distance in (0.25, 0.5, 1.0):
        for direction in range(4):
            seeds = noise.fold_in(batch.seeds, direction)
            moves.append(key_moves.moved(model, key, distance, seeds))
    images = model.generate_from_keys(memory, tf.concat(moves, axis=1))
    return _grid(np.concatenate([batch.images[:, :1], images], axis=1))


def few_shot(model: KanervaPlusPlus, batch: Episodes) -> np.ndarray:
    """Draws after seeing the first images of an episode, more of them downwards.

    For the first `CHARACTERS` episodes in turn. A row has the images seen, `DRAWS`
    draws from a window over the whole memory, and `DRAWS` draws from windows of
    `MEDIUM` blocks around places of images seen.
    """
    images, mask, seeds = (
        part[:CHARACTERS] for part in (batch.images, batch.mask, batch.seeds)
    )
    columns = min(SEEN[-1], images.shape[1])
    rows = []
    for seen in SEEN:
        held = tf.cast(tf.range(images.shape[1]) < seen, tf.float32) * mask
        memory = model.write(images, mask, held)
        # If nothing was seen, any image gives a place.
        about = tf.range(DRAWS) % max(min(seen, columns), 1)
        places = tf.gather(images, about, axis=1)
        key = key_moves.recall_keys(model, memory, places)
        wide = key_moves.with_width(model, key, float(widths(model)[-1]))
        medium = key_moves.with_width(model, key, MEDIUM)
        drawn = tf.concat([wide, medium], axis=1)
        shown = images[:, :columns] * held[:, :columns, None, None, None]
        drawn = model.generate_from_keys(memory, drawn, seeds)
        rows.append(np.concatenate([shown, drawn], axis=1))
    return _grid(np.concatenate(np.stack(rows, axis=1)))


def memory_map(model: KanervaPlusPlus, batch: Episodes) -> Figure:
    """Which frame of the first episode wrote which cell: a matplotlib figure."""
    first = batch.images[:1], batch.mask[:1]
    places = model.reader.places(model.key_posterior(*first).mean()[0, ..., 1:])
    owned = model.ownership(*first)[0].numpy()
    return plots.occupancy(owned, places.numpy(), "which frame wrote which cell")


def write_all(model: MemoryModel, batch: Episodes, folder: str | Path) -> list[Path]:
    """Writes every picture that the model can make into a folder.

    Args:
      model: with trained weights.
      batch: of test episodes, at least one.
      folder: for the PNG files.

    Returns:
      The files.
    """
    few = tf.nest.map_structure(lambda part: part[:4], batch)
    plain = (recall, unseen, samples) if few.images.shape[1] > 1 else (recall, samples)
    pictures: dict[str, np.ndarray | Figure] = {
        f.__name__: f(model, few) for f in plain
    }
    pictures["iterative_inference"] = iterative_inference(model, few)
    for name, grid in denoising(model, few).items():
        pictures[f"denoising_{name}"] = grid
    if key_moves.has_keys(model):
        for of_keys in (gist, zoom, walk, nudges, few_shot, memory_map):
            pictures[of_keys.__name__] = of_keys(model, few)
    files = []
    for name, picture in pictures.items():
        path = Path(folder) / f"{name}.png"
        if isinstance(picture, np.ndarray):
            files.append(plots.save_png(path, picture))
        else:
            files.append(plots.save_figure(path, picture))
    return files


def _readings(
    model: MemoryModel, memory: Memory, images: tf.Tensor, steps: int
) -> np.ndarray:
    """Images and their readings by `refine`, step by step: [steps + 1, B, N, ...]."""
    path = [images]
    for _ in range(steps):
        path.append(model.refine(memory, path[-1]))
    return np.stack(path)


def _rows(*below: tf.Tensor) -> np.ndarray:
    """Rows of images: the first episode of each [B, N, H, W, C], then the second."""
    count = min(COLUMNS, *(len(images[0]) for images in below))
    rows = np.stack([images[:, :count] for images in below], axis=1)
    return _grid(rows.reshape(-1, *rows.shape[2:]))


def _grid(images: np.ndarray) -> np.ndarray:
    images = np.asarray(images)
    return plots.image_grid(images, zoom=ZOOM if images.shape[3] <= SMALL else 1)

"""Pictures of what a model remembers, imagines and does with keys: one a function.

Every grid is of the first episodes of a batch, images in rows.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf

from kpp_tf import noise, plots
from kpp_tf.data import Episodes
from kpp_tf.evaluation import corruptions, keys
from kpp_tf.evaluation.scale_sweep import widths
from kpp_tf.models import KanervaPlusPlus, MemoryModel

ZOOM = 2
SMALL = 32  # pixels a side; larger images are not zoomed
COLUMNS = 16
SEEN = (0, 1, 2, 4, 9)
DRAWS = 6
CHARACTERS = 3
MEDIUM = 2.0  # blocks


def recall(model: MemoryModel, batch: Episodes) -> np.ndarray:
    """Pairs of rows: written images, and what the memory reads back for them."""
    memory = model.write(batch.images, batch.mask)
    return _rows(batch.images, model.reconstruct(memory, batch.images, batch.seeds))


def unseen(model: MemoryModel, batch: Episodes) -> np.ndarray:
    """Threes of rows: what was written, what was not, and how the memory reads that.

    The first half of each episode is written. The model is shown the others only to
    find where to read: what is seen of them is what the memory tells.
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
    wide = keys.with_width(model, places, float(widths(model)[-1]))
    return _rows(batch.images, model.generate_from_keys(memory, wide, batch.seeds))


def zoom(model: KanervaPlusPlus, batch: Episodes) -> np.ndarray:
    """From recall to gist: an image, then one key's window, wider to the right.

    A row for each episode's first image; the latents' noise is the same along a row.
    """
    memory = model.write(batch.images, batch.mask)
    key = keys.recall_keys(model, memory, batch.images)[:, :1]
    columns = [batch.images[:, 0]]
    finest, *_, all_of_it = widths(model)
    for width in np.geomspace(finest, all_of_it, COLUMNS - 1):
        wide = keys.with_width(model, key, float(width))
        columns.append(model.generate_from_keys(memory, wide, batch.seeds)[:, 0])
    return _grid(np.stack(columns, axis=1))


def walk(model: KanervaPlusPlus, batch: Episodes) -> np.ndarray:
    """The first memory as a map: the finest window at places half a block apart.

    Where nothing is written, the mean of the prior without a memory is seen.
    """
    memory = model.write(batch.images[:1], batch.mask[:1])
    side = min(2 * keys.blocks_a_side(model) - 1, COLUMNS)
    x, y = np.meshgrid(*[0.5 + np.arange(side, dtype=np.float32) / 2] * 2)
    places = np.stack([x, y], axis=-1).reshape(1, -1, 1, 2)
    places = tf.constant(np.repeat(places, model.blocks_per_frame, axis=2))
    blank = tf.zeros([*places.shape[:-1], 3])
    key = keys.at_positions(model, keys.with_width(model, blank, 0.0), places)
    images = model.generate_from_keys(memory, key).numpy()
    return _grid(images.reshape(side, side, *model.image_shape))


def nudges(model: KanervaPlusPlus, batch: Episodes) -> np.ndarray:
    """A written image, its recall, then moves of its key by 1/4, 1/2 and 1 block.

    A row for each episode's first image; each move is made in four directions.
    """
    memory = model.write(batch.images, batch.mask)
    key = keys.recall_keys(model, memory, batch.images)[:, :1]
    moves = [key]
    for distance in (0.25, 0.5, 1.0):
        for direction in range(4):
            seeds = noise.fold_in(batch.seeds, direction)
            moves.append(keys.moved(model, key, distance, seeds))
    images = model.generate_from_keys(memory, tf.concat(moves, axis=1))
    return _grid(np.concatenate([batch.images[:, :1], images], axis=1))


def few_shot(model: KanervaPlusPlus, batch: Episodes) -> np.ndarray:
    """What the first images of an episode are good for, more of them downwards.

    Of the first `CHARACTERS` episodes in turn. A row: the images seen; `DRAWS` draws
    from a window over all of the memory; `DRAWS` from windows of `MEDIUM` blocks about
    places of what was seen.
    """
    images, mask, seeds = (
        part[:CHARACTERS] for part in (batch.images, batch.mask, batch.seeds)
    )
    columns = min(SEEN[-1], images.shape[1])
    rows = []
    for seen in SEEN:
        held = tf.cast(tf.range(images.shape[1]) < seen, tf.float32) * mask
        memory = model.write(images, mask, held)
        # Any image stands for what was seen where nothing was.
        about = tf.range(DRAWS) % max(min(seen, columns), 1)
        places = tf.gather(images, about, axis=1)
        key = keys.recall_keys(model, memory, places)
        wide = keys.with_width(model, key, float(widths(model)[-1]))
        medium = keys.with_width(model, key, MEDIUM)
        drawn = tf.concat([wide, medium], axis=1)
        shown = images[:, :columns] * held[:, :columns, None, None, None]
        drawn = model.generate_from_keys(memory, drawn, seeds)
        rows.append(np.concatenate([shown, drawn], axis=1))
    return _grid(np.concatenate(np.stack(rows, axis=1)))


def memory_map(model: KanervaPlusPlus, batch: Episodes):
    """The heap picture of the first episode: a matplotlib figure."""
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
    pictures = {f.__name__: f(model, few) for f in plain}
    pictures["iterative_inference"] = iterative_inference(model, few)
    for name, grid in denoising(model, few).items():
        pictures[f"denoising_{name}"] = grid
    if keys.has_keys(model):
        for of_keys in (gist, zoom, walk, nudges, few_shot, memory_map):
            pictures[of_keys.__name__] = of_keys(model, few)
    files = []
    for name, picture in pictures.items():
        array = isinstance(picture, np.ndarray)
        save = plots.save_png if array else plots.save_figure
        files.append(save(Path(folder) / f"{name}.png", picture))
    return files


def _readings(model, memory, images, steps):
    """Images and what `refine` makes of them, step by step: [steps + 1, B, N, ...]."""
    path = [images]
    for _ in range(steps):
        path.append(model.refine(memory, path[-1]))
    return np.stack(path)


def _rows(*below):
    """Episodes [B, N, H, W, C]: the first of each, one below the other, and so on."""
    count = min(COLUMNS, *(len(images[0]) for images in below))
    rows = np.stack([images[:, :count] for images in below], axis=1)
    return _grid(rows.reshape(-1, *rows.shape[2:]))


def _grid(images):
    images = np.asarray(images)
    return plots.image_grid(images, zoom=ZOOM if images.shape[3] <= SMALL else 1)

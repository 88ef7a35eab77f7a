"""Your own images in a memory: written, drawn as a map, kept as files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import ml_collections
import numpy as np
import tensorflow as tf
from rich import progress
from rich.console import Console

from kpp_tf import files, likelihoods, noise, plots
from kpp_tf.data import SPLITS, Episodes, ImageTable, load_scored
from kpp_tf.data.own import look
from kpp_tf.errors import UserError
from kpp_tf.evaluation import pictures
from kpp_tf.models.kanerva_plus_plus import KanervaPlusPlus, Memory, capacity
from kpp_tf.models.kanerva_plus_plus.bulk_writer import BulkWriter
from kpp_tf.training import checkpoints, run_data, workdirs
from kpp_tf.training.controller import Controller
from kpp_tf.training.trainer import Trainer

ALL = "+".join(SPLITS)
MEMORY, MAP, PLACES = "memory.npz", "map.png", "places.json"
MODEL, EXPORTED, PICTURES = "model", "exported", "pictures"  # folders beside them
# All images are to be remembered, whatever their folders are called.
ALL_OF_THEM = {"named_splits": "never"}
# Shares of the pixels: with a colour, and neither black nor white.
COLOURED, SHADED = 0.05, 0.25
ERRORS_OF = 2_048  # images at most whose recall is compared with them
SHOWN = 256  # images at most that pictures are of
AT_ONCE = 1_000
WIDEST = 8_000  # pixels of the map; a larger one is shrunk by a whole factor


class Remembered(NamedTuple):
    """N images in one memory.

    Attributes:
      memory: B = 1.
      images: what was written, uint8 [N, H, W, C].
      blocks: int32 [N, K], the numbers of the blocks that each image took, row by row.
      held: bool [N], whether it is still whole in the memory; a full one forgets.
      error: mean absolute difference of a recalled pixel, in [0, 1]; of up to
        `ERRORS_OF` images that are held, spread evenly.
      error_of_mean: the same for the mean of these images: what a model gives that
        knows nothing of an image.
    """

    memory: Memory
    images: np.ndarray
    blocks: np.ndarray
    held: np.ndarray
    error: float
    error_of_mean: float

    @property
    def is_known(self) -> bool:
        """Whether the model knows such images; one image has no error of the mean."""
        return self.held.sum() < 2 or self.error <= self.error_of_mean / 2


def suitable_preset(
    data_config: ml_collections.ConfigDict, data_dir: str | None = None
) -> tuple[str, str]:
    """The preset whose images are most like these, by their colours and grey levels.

    Args:
      data_config: `config.data`; uses `name` and how own images are read.
      data_dir: folder of prepared data sets.

    Returns:
      (name, why).
    """
    colour, grey = look.shares(data_config, data_dir)
    if colour > COLOURED:
        return "cifar10", f"{colour:.0%} of the pixels have a colour"
    if grey < SHADED:
        return "binarized_mnist", f"{1 - grey:.0%} of the pixels are black or white"
    return "fashion_mnist", f"{grey:.0%} of the pixels are grey"


def of_preset(
    config: ml_collections.ConfigDict, images: str, steps: int
) -> ml_collections.ConfigDict:
    """A pretrained model's config for your images, and for a few steps on them.

    Args:
      config: the pretrained model's.
      images: their place, see `config.data.name`.
      steps: of fine-tuning.

    Returns:
      A config whose images are binarized if the model's likelihood wants that, all in
      one split, with a quarter of the learning rate and the KL at its full weight.
    """
    ours = ml_collections.ConfigDict(config.to_dict())
    binary = likelihoods.get(ours.model.likelihood).levels == 2
    ours.data.update(
        {
            "name": images,
            "binarize": "fixed" if binary else "none",
            "grouping": "uniform",
            "replacement": False,
            "split_by": "image",
            **ALL_OF_THEM,
        }
    )
    ours.train.update(
        {
            "steps": steps,
            "learning_rate": config.train.learning_rate / 4,
            "warmup_steps": min(config.train.warmup_steps, steps // 10),
            "kl_warmup_steps": 0,
            "log_every": max(1, min(config.train.log_every, steps // 10)),
        }
    )
    return ours


def check_new(out: str | Path) -> None:
    """Raises a UserError if the folder `out` has a memory, which is written last."""
    if (Path(out) / MEMORY).exists():
        raise UserError(
            "there is a memory; move it away or choose another folder. Received: "
            f"{Path(out) / MEMORY}"
        )


def load(config: ml_collections.ConfigDict, data_dir: str | None = None) -> ImageTable:
    """All images of `config.data.name`, whatever their split."""
    return load_scored(config, ALL, data_dir)


def train(
    config: ml_collections.ConfigDict,
    table: ImageTable,
    workdir: str | Path,
    start: KanervaPlusPlus | None = None,
    data_dir: str | None = None,
) -> KanervaPlusPlus:
    """Trains on all the images, for they are what is to be remembered.

    Args:
      config: of the run; its episodes are no longer than the table.
      table: of `load`.
      workdir: folder of the run, which goes on if it was stopped.
      start: whose weights it starts from, or None.
      data_dir: folder of prepared data sets.

    Returns:
      The trained model, by its averaged weights if there are.

    Raises:
      Stopped, Diverged: see `Controller.run`.
    """
    config = config.copy_and_resolve_references()
    config.data.episode_length = min(config.data.episode_length, len(table))
    config.data.episode_lengths = ()
    config.data.update({"train_split": ALL, "test_split": ALL, "validation_split": ""})
    trainer = Trainer(config, table)
    if start is not None:
        trainer.start_from(start)
    with workdirs.opened(workdir) as folder:
        controller = Controller(trainer, folder, table)
        run_data.keep(folder, config, data_dir, trainer.step)
        controller.run()
    return checkpoints.load_model(workdir)[0]


def with_room(
    model: KanervaPlusPlus, count: int, memory_size: int = 0
) -> KanervaPlusPlus:
    """The model, or one of the same weights whose memory holds `count` images.

    Args:
      model: with its weights.
      count: of images.
      memory_size: S to take in any case; 0 takes the model's, if it is large enough.
    """
    size = memory_size or max(model.memory_size, capacity.side_for(model, count))
    return model if size == model.memory_size else model.resized(size)


def write(model: KanervaPlusPlus, images: np.ndarray) -> Remembered:
    """Writes images into an empty memory, a chunk at a time.

    Args:
      model: with its weights.
      images: uint8 [N, H, W, C], N of 1 or more; may be memory-mapped.
    """
    writer = BulkWriter(model)
    blocks = np.concatenate([writer.add(part) for part in _chunks(images, "Writing")])
    memory, held = writer.memory(), writer.held()
    rows = np.flatnonzero(held)[evenly(int(held.sum()), ERRORS_OF)]
    wanted = images[rows] / np.float32(255)
    off = np.abs(recalled(model, memory, blocks[rows]) - wanted)
    of_mean = np.abs(wanted.mean(axis=0) - wanted)
    return Remembered(
        memory, images, blocks, held, float(off.mean()), float(of_mean.mean())
    )


def recalled(model: KanervaPlusPlus, memory: Memory, blocks: np.ndarray) -> np.ndarray:
    """Images that blocks int32 [N, K] give back: float32 [N, H, W, C] in [0, 1]."""
    return np.concatenate(list(_recalled_parts(model, memory, blocks)))


def _recalled_parts(
    model: KanervaPlusPlus, memory: Memory, blocks: np.ndarray
) -> Iterator[np.ndarray]:
    """`recalled`, `AT_ONCE` at a time."""
    read = tf.function(model.generate_from_blocks, reduce_retracing=True)
    for first in range(0, len(blocks), AT_ONCE):
        part = tf.constant(blocks[np.newaxis, first : first + AT_ONCE])
        yield read(memory, part)[0].numpy()


def evenly(count: int, most: int) -> np.ndarray:
    """Up to `most` of the numbers below `count`, spread evenly: int [M]."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(int)


def map_picture(model: KanervaPlusPlus, remembered: Remembered) -> np.ndarray:
    """The memory as a map: what each block reads, and beside it what was written there.

    Returns:
      uint8 [h, w, 3]; blocks in which nothing is written are grey. A map wider than
      `WIDEST` is shrunk by a whole factor, and shows what is read alone.
    """
    grid = model.reader.grid
    height, width, channels = remembered.images.shape[1:]
    covered = model.reader.as_blocks(remembered.memory.coverage[..., tf.newaxis])
    used = np.flatnonzero(covered.numpy()[0].max(axis=-1))
    shrink = -(-grid * width // WIDEST)
    shape = (grid**2, -(-height // shrink), -(-width // shrink), channels)
    read = np.full(shape, 0.5, np.float32)
    blocks = np.repeat(used.astype(np.int32)[:, np.newaxis], model.blocks_per_frame, 1)
    first = 0
    for images in _recalled_parts(model, remembered.memory, blocks):
        small = tf.nn.avg_pool2d(images, shrink, shrink, "SAME")
        read[used[first : first + len(images)]] = small
        first += len(images)
    halves = [read.reshape(grid, grid, *shape[1:])]
    if shrink == 1 and 2 * grid * width <= WIDEST:
        written = np.full_like(read, 0.5)
        held = remembered.held
        written[remembered.blocks[held, 0]] = remembered.images[held] / np.float32(255)
        between = np.full_like(halves[0][:, :1], 0.5)
        halves += [between, written.reshape(grid, grid, *shape[1:])]
    pad = 2 if grid <= 64 else 0
    zoom = 2 if grid <= 8 else 1
    return plots.image_grid(np.concatenate(halves, axis=1), pad, zoom)


def save(
    model: KanervaPlusPlus,
    remembered: Remembered,
    names: list[str],
    out: str | Path,
) -> None:
    """Writes the memory, its map, where each image lies, and pictures, into a folder.

    Args:
      model: that wrote it.
      remembered: see `write`.
      names: of the N images.
      out: the folder.
    """
    out = Path(out)
    if len(names) != len(remembered.images):
        raise UserError(
            f"names must be as many as images. Received: {len(names)} names of "
            f"{len(remembered.images)} images"
        )
    plots.save_png(out / MAP, map_picture(model, remembered))
    some = remembered.images[evenly(len(remembered.images), SHOWN)]
    small = with_room(model, len(some), capacity.side_for(model, len(some)))
    pictures.write_all(small, _episodes(some / np.float32(255)), out / PICTURES)
    keys = model.slot_keys().numpy()[remembered.blocks]
    places = model.reader.places(keys[..., 1:]).numpy()
    rows = zip(
        names,
        remembered.held.tolist(),
        keys.round(5).tolist(),
        places.round(5).tolist(),
        strict=True,
    )
    fields = ("image", "held", "keys", "places")
    listed = [dict(zip(fields, row, strict=True)) for row in rows]
    files.write_json(out / PLACES, {"images": listed})
    # Whoever finds it finds the others.
    remembered.memory.save(out / MEMORY)


def _episodes(images: np.ndarray) -> Episodes:
    """The images in up to four orders, as `pictures` shows the first of an episode."""
    rows = min(4, len(images))
    orders = np.stack([np.roll(np.arange(len(images)), -row) for row in range(rows)])
    return Episodes(
        images=tf.constant(images[orders]),
        mask=tf.ones(orders.shape),
        index=tf.constant(orders, tf.int64),
        seeds=noise.row_seeds([0, 0], rows),
    )


def _chunks(images: np.ndarray, title: str) -> Iterator[np.ndarray]:
    """Images in [0, 1], `AT_ONCE` at a time, with a bar where there are many."""
    firsts = progress.track(
        range(0, len(images), AT_ONCE),
        title,
        console=Console(stderr=True),
        disable=len(images) <= AT_ONCE or not sys.stderr.isatty(),
    )
    for first in firsts:
        yield images[first : first + AT_ONCE] / np.float32(255)

"""Your own images in a memory: written, drawn as a map, kept as files."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import ml_collections
import numpy as np
import tensorflow as tf

from kpp_tf import files, likelihoods, noise, plots
from kpp_tf.data import SPLITS, Episodes, ImageTable, load_scored
from kpp_tf.data.own import look
from kpp_tf.errors import UserError
from kpp_tf.evaluation import pictures
from kpp_tf.models.kanerva_plus_plus import KanervaPlusPlus, Memory, capacity
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
# As many as the served `write` takes.
MAX_IMAGES = 1024


class Remembered(NamedTuple):
    """N images in one memory.

    Attributes:
      memory: B = 1.
      images: what was written, float32 [N, H, W, C] in [0, 1].
      recalled: what the memory gives back at `keys`, the same shape.
      keys: float32 [N, K, 3], where to read each image.
      places: float32 [N, K, 2], (x, y) of the keys as shares of the memory's side.
      blocks: int [N], the number of each image's first block, row by row; -1 for an
        image that was overwritten because the memory was full.
    """

    memory: Memory
    images: np.ndarray
    recalled: np.ndarray
    keys: np.ndarray
    places: np.ndarray
    blocks: np.ndarray

    @property
    def held(self) -> np.ndarray:
        """Which images the memory still holds: bool [N]."""
        return self.blocks >= 0

    @property
    def error(self) -> float:
        """Mean absolute difference of recalled pixels."""
        return float(np.abs(self.recalled - self.images)[self.held].mean())

    @property
    def is_known(self) -> bool:
        """Whether the model knows such images: one tells no error of the mean."""
        return self.held.sum() < 2 or self.error <= self.error_of_mean / 2

    @property
    def error_of_mean(self) -> float:
        """The same of the images' mean: what knowing nothing of an image gives."""
        images = self.images[self.held]
        return float(np.abs(images.mean(axis=0) - images).mean())


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


def chosen(table: ImageTable) -> np.ndarray:
    """Rows of the table that are written: all, or `MAX_IMAGES` evenly among them."""
    count = min(len(table), MAX_IMAGES)
    return np.linspace(0, len(table) - 1, count).round().astype(int)


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
    """Writes images into an empty memory.

    Args:
      model: with its weights.
      images: uint8 [N, H, W, C].
    """
    images = images.astype(np.float32) / 255
    episode = tf.constant(images[np.newaxis])
    memory = model.write(episode)
    keys = model.key_posterior(episode).mean()
    owned = model.reader.as_blocks(model.ownership(episode)[0][..., tf.newaxis])
    owned = tf.reduce_max(owned, axis=-1).numpy()  # [N, G * G]
    return Remembered(
        memory,
        images,
        model.generate_from_keys(memory, keys)[0].numpy(),
        keys[0].numpy(),
        model.reader.places(keys[0, ..., 1:]).numpy(),
        np.where(owned.any(axis=1), owned.argmax(axis=1), -1),
    )


def map_picture(model: KanervaPlusPlus, remembered: Remembered) -> np.ndarray:
    """The memory as a map: what each block reads, and beside it what was written there.

    Returns:
      uint8 [h, w, 3]; blocks in which nothing is written are grey.
    """
    grid = model.reader.grid
    keys = model.slot_keys()[tf.newaxis, :, tf.newaxis]
    keys = tf.repeat(keys, model.blocks_per_frame, axis=2)
    read = model.generate_from_keys(remembered.memory, keys)[0].numpy()
    covered = model.reader.as_blocks(remembered.memory.coverage[..., tf.newaxis])
    read[covered.numpy()[0].max(axis=-1) == 0] = 0.5
    written = np.full_like(read, 0.5)
    held = remembered.held
    written[remembered.blocks[held]] = remembered.images[held]
    halves = [half.reshape(grid, grid, *half.shape[1:]) for half in (read, written)]
    between = np.full_like(halves[0][:, :1], 0.5)
    picture = np.concatenate([halves[0], between, halves[1]], axis=1)
    return plots.image_grid(picture, zoom=2 if grid <= 8 else 1)


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
    pictures.write_all(model, _episodes(remembered.images), out / PICTURES)
    places = [
        {"image": name, "held": bool(held), "keys": keys, "places": places}
        for name, held, keys, places in zip(
            names,
            remembered.held,
            remembered.keys.round(5).tolist(),
            remembered.places.round(5).tolist(),
            strict=True,
        )
    ]
    files.write_json(out / PLACES, {"images": places})
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

"""Any number of images, drawn from the memories of episodes."""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from kpp_tf import files, noise
from kpp_tf.data import Episodes
from kpp_tf.errors import UserError
from kpp_tf.models import Memory, MemoryModel

EACH = 16


def draw(
    model: MemoryModel,
    episodes: Iterable[Episodes],
    seed: int = 0,
    temperature: float = 1.0,
) -> Iterator[np.ndarray]:
    """Draws images from p(Y), endlessly.

    Each memory gives T images, then comes the next episode; after the last, the first
    again with other noise. Image n is a function of n and the arguments.

    Args:
      model: with trained weights.
      episodes: batches, read again and again.
      seed: of the draws.
      temperature: factor of the standard deviation of everything drawn.

    Yields:
      Mean images: float32 [H, W, C] in [0, 1].
    """

    @tf.function(reduce_retracing=True)
    def generate(batch: Episodes, seeds: tf.Tensor) -> tf.Tensor:
        count = tf.shape(batch.images)[0]
        memory = model.write(batch.images, batch.mask)
        each = batch.images.shape[1]
        return model.generate(memory, each, seeds, tf.fill([count], temperature))

    for turn in itertools.count():
        for batch in episodes:
            seeds = noise.fold_in(noise.fold_in(batch.seeds, seed), turn)
            for images in generate(batch, seeds).numpy():
                yield from images


def draw_from(
    model: MemoryModel, memory: Memory, seed: int = 0, temperature: float = 1.0
) -> Iterator[np.ndarray]:
    """Draws images from p(Y) of given memories, endlessly.

    Args:
      model: with trained weights.
      memory: B memories of it; each gives `EACH` images in turn (an export may fix
        another number), again and again with other noise.
      seed: of the draws.
      temperature: factor of the standard deviation of everything drawn.

    Yields:
      Mean images: float32 [H, W, C] in [0, 1].
    """
    count = memory[0].shape[0]
    temperatures = tf.fill([count], temperature)
    for turn in itertools.count():
        seeds = noise.fold_in(noise.row_seeds([seed, 0], count), turn)
        for images in model.generate(memory, EACH, seeds, temperatures).numpy():
            yield from images


def save(images: Iterator[np.ndarray], count: int, path: str | Path) -> None:
    """Stores images as 8-bit files.

    Args:
      images: float [H, W, C] in [0, 1], C of 1 or 3.
      count: how many to take.
      path: a file if it ends in .npz, with `images` uint8 [count, H, W, C]; else a
        folder of PNG files numbered from 0.

    Raises:
      UserError: if something is at `path` already.
    """
    path = Path(path)
    if path.exists():
        raise UserError(
            f"choose another --out; nothing is overwritten. Received: {path}"
        )
    pixels = (np.rint(255 * image).astype(np.uint8) for image in images)
    chosen = itertools.islice(pixels, count)
    if path.suffix == ".npz":
        with files.replacing(path) as temporary:
            np.savez_compressed(temporary, images=np.stack(list(chosen)))
        return
    digits = len(str(count - 1))
    with files.new_folder(path) as folder:
        for number, image in enumerate(chosen):
            grey = image.shape[-1] == 1
            picture = Image.fromarray(image[..., 0] if grey else image)
            picture.save(folder / f"{number:0{digits}d}.png")

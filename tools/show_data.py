r"""Shows what a config feeds the model: a picture of episodes, and numbers.

  python tools/show_data.py --config=configs/glyphs.py --out=grid.png

  # The test split, as evaluation cuts it, with the numbers in a file.
  python tools/show_data.py --config=configs/omniglot28.py --split=test \
      --data_dir=$HOME/tensorflow_datasets --out=grid.png --json=data.json

Each row of the picture is an episode; "train" shows training episodes, with their
augmentations, any other split evaluation episodes. Mean and standard deviation are
those of all pixels of the split, in [0, 1]; images_per_second is how fast the
pipeline alone makes episodes.
"""

import itertools
import json
import math
import os
import time

import numpy as np
import tensorflow as tf
from absl import app, flags
from ml_collections import config_flags

from kpp_tf import data

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "A file in configs/; --config.data.FIELD=VALUE changes a field."
)
_SPLIT = flags.DEFINE_string(
    "split", "train", "train, validation or test, or several joined by '+'."
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir",
    None,
    "Folder of prepared TFDS data sets; default: the environment's TFDS_DATA_DIR, "
    "else ~/tensorflow_datasets.",
)
_OUT = flags.DEFINE_string("out", None, "PNG file to write the picture to.")
_JSON = flags.DEFINE_string("json", None, "JSON file to write the numbers to.")
_ROWS = flags.DEFINE_integer("rows", 8, "Episodes in the picture.", lower_bound=1)
_SECONDS = flags.DEFINE_float(
    "seconds", 2.0, "How long to measure the pipeline for.", lower_bound=0.0
)

_PORTION = 4096  # Images whose pixels are summed at a time.


def moments(images: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of all pixels, on the scale [0, 1].

    Args:
      images: uint8 [N, H, W, C]; read in portions, so that it may lie on disk.
    """
    counts = np.zeros(256, np.int64)
    for start in range(0, len(images), _PORTION):
        portion = np.asarray(images[start : start + _PORTION])
        counts += np.bincount(portion.reshape(-1), minlength=256)
    values = np.arange(256) / 255
    mean = float(counts @ values / counts.sum())
    variance = float(counts @ (values - mean) ** 2 / counts.sum())
    return mean, math.sqrt(variance)


def grid(images: np.ndarray, margin: int = 2) -> np.ndarray:
    """Episodes as rows of a picture, on grey.

    Args:
      images: [E, T, H, W, C] in [0, 1]; C is 1 or 3.
      margin: pixels between images.

    Returns:
      uint8 [height, width, C].
    """
    around = ((0, 0), (0, 0), (0, margin), (0, margin), (0, 0))
    padded = np.pad(images, around, constant_values=0.5)
    episodes, frames, height, width, channels = padded.shape
    rows = padded.transpose(0, 2, 1, 3, 4)
    rows = rows.reshape(episodes * height, frames * width, channels)
    return np.rint(255 * rows[:-margin, :-margin]).astype(np.uint8)


def images_per_second(episodes: tf.data.Dataset, seconds: float) -> float:
    """How many images a pass over the dataset yields a second, start-up left out."""
    batches = iter(episodes)
    next(batches)
    images, start = 0, time.perf_counter()
    for batch in batches:
        images += batch.mask.shape[0] * batch.mask.shape[1]
        if time.perf_counter() - start >= seconds:
            break
    return images / (time.perf_counter() - start)


def _write(path: str, contents: bytes) -> None:
    """Writes under another name and renames; says what it did."""
    existed = os.path.exists(path)
    partial = f"{path}.partial"
    with open(partial, "wb") as file:
        file.write(contents)
    os.replace(partial, path)
    print(f"{'Replaced' if existed else 'Wrote'} {path}")


def main(argv: list[str]) -> None:
    """Loads a split, makes episodes and reports."""
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments. Received: {argv[1:]}")
    config = _CONFIG.value
    split = _SPLIT.value
    table = data.load_images(config.data, split, _DATA_DIR.value)
    if split == "train":
        episodes = data.training_episodes(table, config.data, seed=config.seed)
    else:
        episodes = data.evaluation_episodes(
            table,
            config.data,
            episodes_per_batch=config.eval.episodes_per_batch,
            seed=config.eval.seed,
        )
    mean, deviation = moments(table.images)
    report = {
        "name": table.name,
        "split": split,
        "images": len(table),
        "image_shape": list(table.image_shape),
        "levels": table.levels,
        "mean": mean,
        "standard_deviation": deviation,
        "classes": None if table.labels is None else len(np.unique(table.labels)),
        "groups": {name: len(np.unique(of)) for name, of in table.groups.items()},
        "episode_length": config.data.episode_length,
        "grouping": config.data.grouping,
        "images_per_second": round(
            images_per_second(episodes.repeat(), _SECONDS.value)
        ),
    }
    for name, value in report.items():
        print(f"{name:>20}  {value}")
    if _OUT.value:
        shown = itertools.chain.from_iterable(batch.images for batch in episodes)
        picture = grid(np.stack(list(itertools.islice(shown, _ROWS.value))))
        _write(_OUT.value, tf.io.encode_png(picture).numpy())
    if _JSON.value:
        _write(_JSON.value, (json.dumps(report, indent=2) + "\n").encode())


if __name__ == "__main__":
    flags.mark_flag_as_required("config")
    app.run(main)

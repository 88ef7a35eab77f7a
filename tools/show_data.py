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
import math
import time
from collections.abc import Iterable

import numpy as np
from absl import flags

from kpp_tf import cli, files, plots

_CONFIG = cli.define_config()
_SPLIT = flags.DEFINE_string(
    "split", "train", "train, validation or test, or several joined by '+'."
)
_DATA_DIR = cli.define_data_dir()
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


def images_per_second(episodes: Iterable, seconds: float) -> float:
    """How many images a pass over the dataset yields a second, start-up left out."""
    batches = iter(episodes)
    next(batches)
    images, start = 0, time.perf_counter()
    for batch in batches:
        images += batch.mask.shape[0] * batch.mask.shape[1]
        if time.perf_counter() - start >= seconds:
            break
    return images / (time.perf_counter() - start)


def main() -> None:
    """Loads a split, makes episodes and reports."""
    cli.start_tensorflow()
    from kpp_tf import data

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
        picture = np.stack(list(itertools.islice(shown, _ROWS.value)))
        plots.save_png(_OUT.value, plots.image_grid(picture))
        print(f"Wrote {_OUT.value}")
    if _JSON.value:
        files.write_json(_JSON.value, report)
        print(f"Wrote {_JSON.value}")


if __name__ == "__main__":
    flags.mark_flag_as_required("config")
    cli.run(main)

r"""Draws walks through random mazes and writes them as a prepared TFDS data set.

Nothing is downloaded; labmaze is needed (pip install 'kpp-tf[mazes]').

  # The data set that configs/mazes.py trains on: some three minutes, 0.8 GB.
  python tools/make_mazes.py --data_dir=$HOME/tensorflow_datasets

  # A small one, of small frames.
  python tools/make_mazes.py --size=32 --episodes=20,2,4 --data_dir=data

  # Only look: frames of four walks, and their maps.
  python tools/make_mazes.py --preview=mazes.png
"""

import os
import sys

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from absl import app, flags

from kpp_tf.data import prepared
from kpp_tf.data.mazes import episode as episode_lib
from kpp_tf.data.mazes import layout, topdown
from kpp_tf.data.mazes.mazes_dataset_builder import (
    DEFAULT_EPISODES,
    DEFAULT_SEED,
    Builder,
)

_DATA_DIR = flags.DEFINE_string(
    "data_dir",
    None,
    "Folder of prepared data sets to write to; default: the environment's "
    "TFDS_DATA_DIR, else ~/tensorflow_datasets.",
)
_EPISODES = flags.DEFINE_list(
    "episodes",
    [str(DEFAULT_EPISODES[split]) for split in episode_lib.SPLITS],
    "Walks of 300 frames in train, validation and test.",
)
_SIZE = flags.DEFINE_enum("size", "64", ["64", "32"], "Pixels a side of a frame.")
_SEED = flags.DEFINE_integer(
    "seed",
    DEFAULT_SEED,
    "Of the data set: other mazes for another seed.",
    lower_bound=0,
)
_PREVIEW = flags.DEFINE_string(
    "preview",
    None,
    "Write a PNG picture of the first walks of the training split, each with its map "
    "and the places that its frames were seen from, and no data set.",
)
_PREVIEW_ROWS, _PREVIEW_COLUMNS = 4, 8


def preview(seed: int, size: int) -> np.ndarray:
    """Draws walks, a row each: frames in order of time, then the map.

    Args:
      seed: Of the data set.
      size: Pixels a side of a frame; shown at twice that and more.

    Returns:
      uint8 [height, width, 3].
    """
    side = layout.CELLS * topdown.PIXELS_PER_CELL
    zoom = side // size
    shown = np.linspace(0, episode_lib.FRAMES - 1, _PREVIEW_COLUMNS).astype(int)
    rows = []
    for index in range(_PREVIEW_ROWS):
        maze_seed = episode_lib.maze_seed(seed, "train", index)
        walk = episode_lib.make_episode(maze_seed, size)
        frames = walk.frames[shown].repeat(zoom, 1).repeat(zoom, 2)
        margin = side + 4 - frames.shape[1]
        frames = np.pad(frames, ((0, 0), (0, margin), (0, 4), (0, 0)))
        maze = layout.random_layout(maze_seed)
        map_ = np.pad(
            topdown.draw_map(maze, walk.poses, shown), ((0, 4), (0, 0), (0, 0))
        )
        rows.append(np.concatenate([*frames, map_], 1))
    return np.concatenate(rows)


def _write_preview(path: str) -> None:
    picture = tf.io.encode_png(preview(_SEED.value, int(_SIZE.value))).numpy()
    partial = f"{path}.partial"
    with open(partial, "wb") as file:
        file.write(picture)
    os.replace(partial, path)
    print(f"Wrote {path}: {_PREVIEW_ROWS} walks of the training split.")


def main(argv: list[str]) -> None:
    """Writes the picture or the data set."""
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments. Received: {argv[1:]}")
    if _PREVIEW.value:
        _write_preview(_PREVIEW.value)
        return
    try:
        counts = [int(count) for count in _EPISODES.value]
        episodes = dict(zip(episode_lib.SPLITS, counts, strict=True))
    except ValueError as error:
        raise app.UsageError(
            "--episodes takes three whole numbers, such as 400,40,80. "
            f"Received: {','.join(_EPISODES.value)}"
        ) from error
    layout.import_labmaze()
    root = prepared.data_root(_DATA_DIR.value)
    builder = Builder(
        data_dir=root,
        config=f"{_SIZE.value}x{_SIZE.value}",
        episodes=episodes,
        seed=_SEED.value,
    )
    if os.path.exists(builder.data_dir):
        sys.exit(
            f"{builder.data_dir} exists and is not overwritten. Remove it, or choose "
            "another --data_dir."
        )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(try_download_gcs=False)
    )
    frames = episode_lib.FRAMES * sum(counts)
    print(
        f"Wrote {builder.data_dir}: {sum(counts)} walks, {frames:,} frames, "
        f"{builder.info.dataset_size / 2**20:,.0f} MiB."
    )


if __name__ == "__main__":
    app.run(main)

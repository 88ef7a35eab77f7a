"""Frames of the prepared mazes data set as one array."""

import numpy as np

from kpp_tf.data import cache, prepared
from kpp_tf.data.mazes import episode as episode_lib
from kpp_tf.errors import UserError

SIZES = (64, 32)


def load_mazes(
    split: str, size: int = 64, data_dir: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Reads the frames of a split in order: walk by walk, frame by frame.

    They are decoded the first time, some thousand a second, and kept in a file.

    Args:
      split: "train", "validation" or "test", or TFDS's language: "train[:10]".
      size: Pixels a side, one of `SIZES`.
      data_dir: Folder of prepared data sets; see `prepared.data_root`.

    Returns:
      frames: uint8 [E * 300, size, size, 3], memory-mapped.
      episodes: int64 [E * 300], the number of each frame's walk.

    Raises:
      UserError: If the data set is not prepared: says how to; if the size is not one of
        `SIZES` or a file is damaged.
    """
    if size not in SIZES:
        raise UserError(f"Mazes come in sizes {SIZES}. Received: {size}")
    root = prepared.data_root(data_dir)
    folder = prepared.find(
        f"mazes/{size}x{size}",
        data_dir,
        how_to_get=(
            "Draw it (minutes, no download) with: "
            f"python tools/make_mazes.py --size={size} --data_dir={root}"
        ),
    )
    length = episode_lib.FRAMES
    count = prepared.count(folder, split)

    def fill(array: np.ndarray) -> None:
        walks = array.reshape(count, length, size, size, 3)
        prepared.read(
            folder, split, ("frames",), into=lambda _: {"frames": walks}, batch_size=4
        )

    frames = cache.memory_mapped(
        folder / "kpp_tf_cache",
        f"mazes_{size}_{split}",
        prepared.fingerprint(folder) + (folder / "metadata.json").read_text(),
        (count * length, size, size, 3),
        fill,
    )
    return frames, np.repeat(np.arange(count), length)

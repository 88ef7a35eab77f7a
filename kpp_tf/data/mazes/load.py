"""Frames of the prepared mazes data set as one table."""

import numpy as np

from kpp_tf.data import image_cache, tfds_files
from kpp_tf.data.image_table import ImageTable
from kpp_tf.data.mazes import episode as episode_lib
from kpp_tf.errors import UserError

SIZES = (64, 32)


def load(split: str, data_dir: str | None, size: int = 64) -> ImageTable:
    """Reads the frames of a split in order: walk by walk, frame by frame.

    The first call decodes them, about a thousand a second, and keeps them in a file.

    Args:
      split: "train", "validation" or "test", or TFDS's language: "train[:10]".
      data_dir: Folder of prepared data sets; see `tfds_files.data_root`.
      size: Pixels a side, one of `SIZES`.

    Returns:
      Frames [E * 300, size, size, 3], memory-mapped, labelled by their walk.

    Raises:
      UserError: If the data set is not prepared; says how to. If the size is not one
        of `SIZES` or a file is damaged.
    """
    if size not in SIZES:
        raise UserError(f"Mazes come in sizes {SIZES}. Received: {size}")
    root = tfds_files.data_root(data_dir)
    folder = tfds_files.find(
        f"mazes/{size}x{size}",
        data_dir,
        how_to_get=(
            "Draw it (minutes, no download) with: "
            f"python tools/make_mazes.py --size={size} --data_dir={root}"
        ),
    )
    shape = (episode_lib.FRAMES, size, size, 3)
    walks = image_cache.memory_mapped(
        folder,
        f"mazes_{size}_{split}",
        tfds_files.metadata(folder),
        (tfds_files.split_size(tfds_files.open_folder(folder), split), *shape),
        lambda: (
            batch["frames"]
            for batch in tfds_files.batches(folder, split, ("frames",), batch_size=4)
        ),
    )
    return ImageTable(
        images=walks.reshape(-1, *shape[1:]),
        labels=np.repeat(np.arange(len(walks)), shape[0]),
        levels=256,
        name="mazes",
        split=split,
    )

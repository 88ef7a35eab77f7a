r"""Draws walks through random mazes and writes them as a prepared TFDS data set.

Nothing is downloaded; labmaze is needed (pip install 'kpp-tf[mazes]').

  # The data set that configs/mazes.py trains on: some three minutes, 0.8 GB.
  python tools/make_mazes.py --data_dir=$HOME/tensorflow_datasets

  # A small one, of small frames.
  python tools/make_mazes.py --size=32 --episodes=20,2,4 --data_dir=data

  # Look at it.
  python tools/show_data.py --config=configs/mazes.py --out=mazes.png \
      --data_dir=$HOME/tensorflow_datasets
"""

from absl import flags

from kpp_tf import cli
from kpp_tf.errors import UserError

_DATA_DIR = cli.define_data_dir()
_EPISODES = flags.DEFINE_list(
    "episodes",
    ["400", "40", "80"],
    "Walks of 300 frames in train, validation and test.",
)
_SIZE = flags.DEFINE_enum("size", "64", ["64", "32"], "Pixels a side of a frame.")
_SEED = flags.DEFINE_integer(
    "seed", 0, "Another seed makes other mazes.", lower_bound=0
)


def main() -> None:
    """Writes the data set."""
    cli.start_tensorflow()
    from kpp_tf.data.mazes import episode as episode_lib
    from kpp_tf.data.mazes import layout

    layout.import_labmaze()
    try:
        counts = [int(count) for count in _EPISODES.value]
        episodes = dict(zip(episode_lib.SPLITS, counts, strict=True))
    except ValueError as error:
        raise UserError(
            "--episodes takes three whole numbers, such as 400,40,80. "
            f"Received: {','.join(_EPISODES.value)}"
        ) from error
    from kpp_tf.data import tfds_files
    from kpp_tf.data.mazes.mazes_dataset_builder import Builder

    builder = Builder(
        data_dir=tfds_files.data_root(_DATA_DIR.value),
        config=f"{_SIZE.value}x{_SIZE.value}",
        episodes=episodes,
        seed=_SEED.value,
    )
    tfds_files.prepare(builder)
    frames = episode_lib.FRAMES * sum(counts)
    print(
        f"Wrote {builder.data_dir}: {sum(counts)} walks, {frames:,} frames, "
        f"{builder.info.dataset_size / 2**20:,.0f} MiB."
    )


if __name__ == "__main__":
    cli.run(main)

r"""Shows what a config feeds the model: a picture of episodes, and numbers.

  python tools/show_data.py --config=configs/glyphs.py --out=grid.png

  # The test split, as evaluation cuts it, with the numbers in a file.
  python tools/show_data.py --config=configs/omniglot28.py --split=test \
      --data_dir=$HOME/tensorflow_datasets --out=grid.png --json=data.json

Each row of the picture is an episode; "train" shows training episodes, with their
augmentations, any other split evaluation episodes. Mean and standard deviation are
over all pixels of the split, in [0, 1].
"""

import itertools

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
    report = {
        **table.describe(),
        "episode_length": config.data.episode_length,
        "grouping": config.data.grouping,
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

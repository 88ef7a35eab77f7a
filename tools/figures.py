r"""Draws the pictures under docs/figures from the pretrained models.

    python tools/figures.py --data_dir=DIR
    python tools/figures.py --data_dir=DIR --pretrained=binarized_mnist --out=pictures

One folder a model, the pictures of tools/generate.py in each: from the first episodes
of its test split, which it has not been trained on.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app, flags

PRETRAINED = flags.DEFINE_multi_string(
    "pretrained", [], "Name of a pretrained model; default: each. May be repeated."
)
DATA_DIR = flags.DEFINE_string(
    "data_dir",
    None,
    "Folder of prepared TFDS data sets; default: the environment's TFDS_DATA_DIR.",
)
OUT = flags.DEFINE_string(
    "out", None, "Folder for the pictures; default: docs/figures of the source tree."
)


def main(argv: list[str]) -> int:
    """Draws; returns the exit code."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected flags only. Received: {argv[1:]}")
    from kpp_tf import pretrained
    from kpp_tf.evaluation import pictures, runs

    names = PRETRAINED.value or pretrained.names()
    if not names:
        print(
            "Error: there is no pretrained model to draw; tools/publish.py makes one. "
            f"Received: {pretrained.FOLDER}",
            file=sys.stderr,
        )
        return 1
    root = Path(__file__).resolve().parent.parent
    out = Path(OUT.value) if OUT.value else root / "docs" / "figures"
    for name in names:
        model, config = runs.load_model(None, name)
        dataset = runs.test_episodes(config, None, DATA_DIR.value)
        for file in pictures.write_all(model, next(iter(dataset)), out / name):
            print(f"Wrote {file}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    app.run(main)

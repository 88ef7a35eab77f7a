r"""Writes pictures of what a model remembers and imagines.

    python tools/generate.py --workdir=runs/glyphs --out=runs/glyphs/pictures
    python tools/generate.py --pretrained=binarized_mnist --data_dir=/data/tfds \
        --out=pictures

PNG grids from test episodes: reconstructions; samples from p(Y); the same improved by
iterative inference, with its curve; small key perturbations N(0, 0.01); images along a
path of keys; denoising by iterative reading; the memory's map with the keys on it.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app, flags

WORKDIR = flags.DEFINE_string("workdir", None, "Folder of a training run.")
PRETRAINED = flags.DEFINE_string("pretrained", None, "Name of a pretrained model.")
DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Folder of prepared TFDS data sets; not needed for glyphs."
)
SPLIT = flags.DEFINE_string(
    "split", None, "Of the data; config.data.test_split if not given."
)
OUT = flags.DEFINE_string("out", None, "Folder for the pictures.", required=True)


def main(argv: list[str]) -> int:
    """Writes the pictures; returns the exit code."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected flags only. Received: {argv[1:]}")
    from kpp_tf.evaluation import pictures, runs

    model, config = runs.load_model(WORKDIR.value, PRETRAINED.value)
    dataset = runs.test_episodes(config, SPLIT.value, DATA_DIR.value)
    for file in pictures.write_all(model, next(iter(dataset)), OUT.value):
        print(f"Wrote {file}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    app.run(main)

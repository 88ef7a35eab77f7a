r"""Writes pictures of what a model remembers and imagines.

    python tools/generate.py --workdir=runs/glyphs --out=runs/glyphs/pictures
    python tools/generate.py --pretrained=binarized_mnist --data_dir=/data/tfds \
        --out=pictures

PNG grids from test episodes: reconstructions; samples from p(Y); the same improved by
iterative inference, with its curve; small key perturbations N(0, 0.01); images along a
path of keys; denoising by iterative reading; the memory's map with the keys on it.
"""

import sys

from absl import flags

from kpp_tf import cli

MODEL = cli.ModelFlags()
DATA = cli.DataFlags()
OUT = flags.DEFINE_string("out", None, "Folder for the pictures.", required=True)


def main() -> None:
    """Writes the pictures."""
    model, config = MODEL.load()
    from kpp_tf.evaluation import pictures

    dataset = DATA.episodes(config)
    for file in pictures.write_all(model, next(iter(dataset)), OUT.value):
        print(f"Wrote {file}", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)

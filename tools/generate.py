r"""Draws images from a model's memory, or writes pictures of what it can do.

    python tools/generate.py --workdir=runs/glyphs --out=runs/glyphs/pictures
    python tools/generate.py --pretrained=binarized_mnist --data_dir=/data/tfds \
        --num_images=1000 --temperature=0.8 --seed=1 --out=drawn.npz
    python tools/generate.py --export=exported/kanerva_plus_plus --num_images=100 \
        --out=drawn

With --num_images: so many images from p(Y), of the memories of test episodes in turn,
as numbered PNG files in the folder --out, or in one file if its name ends in .npz.
The model may be an exported one: each memory then gives as many as it was exported for.

Without: PNG grids from the first test episodes, a picture each: what is recalled;
samples from p(Y), and the same improved by iterative inference; denoising; of K++ also
the gist of a memory, a zoom from recall to gist, a walk over the memory, nudged keys,
and the memory's map.
"""

import sys

from absl import flags

from kpp_tf import cli
from kpp_tf.errors import UserError

MODEL = cli.ModelFlags(required=False)
EXPORT = flags.DEFINE_string(
    "export", None, "SavedModel of tools/export.py: a version, or a model's newest."
)
DATA = cli.DataFlags()
OUT = flags.DEFINE_string("out", None, "Folder, or .npz file.", required=True)
NUM_IMAGES = flags.DEFINE_integer(
    "num_images", None, "Images to draw; grids if not given.", lower_bound=1
)
SEED = flags.DEFINE_integer("seed", 0, "Of --num_images: same seed, same images.")
TEMPERATURE = flags.DEFINE_float(
    "temperature",
    1.0,
    "Of --num_images: factor of the standard deviation of all that is drawn.",
    lower_bound=0.0,
)

flags.mark_flags_as_mutual_exclusive(["workdir", "pretrained", "export"], required=True)


def main() -> None:
    """Draws."""
    if NUM_IMAGES.value is None and (SEED.present or TEMPERATURE.present):
        raise UserError("--seed and --temperature go with --num_images")
    if EXPORT.value is None:
        model, config = MODEL.load()
    elif NUM_IMAGES.value is None or MODEL.memory_size.value:
        raise UserError("--export takes --num_images, and no --memory_size")
    else:
        cli.start_tensorflow()
        from kpp_tf.serving.exported import Exported

        model = Exported(EXPORT.value)
        config = model.config
    from kpp_tf.models import capacity

    warning = capacity.warning(model, config.data.episode_length)
    if warning:
        print(f"generate: {warning}", file=sys.stderr, flush=True)
    episodes = DATA.episodes(config)
    if NUM_IMAGES.value is None:
        from kpp_tf.evaluation import pictures

        files = pictures.write_all(model, next(iter(episodes)), OUT.value)
        print(f"Wrote {OUT.value}: {len(files)} pictures.")
        return
    from kpp_tf.evaluation import drawing

    images = drawing.draw(model, episodes, SEED.value, TEMPERATURE.value)
    drawing.save(images, NUM_IMAGES.value, OUT.value)
    print(f"Wrote {OUT.value}: {NUM_IMAGES.value:,} images.")


if __name__ == "__main__":
    cli.run(main)

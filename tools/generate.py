r"""Draws images from a model's memory, or writes pictures of what it can do.

    python tools/generate.py --workdir=runs/glyphs --out=runs/glyphs/pictures
    python tools/generate.py --pretrained=binarized_mnist --data_dir=/data/tfds \
        --num_images=1000 --temperature=0.8 --seed=1 --out=drawn.npz
    python tools/generate.py --export=exported/kanerva_plus_plus --num_images=100 \
        --out=drawn
    python tools/generate.py --export=mine/exported --memory=mine/memory.npz \
        --num_images=100 --out=drawn

With --num_images: so many images from p(Y), of the memories of test episodes in turn,
as numbered PNG files in the folder --out, or in one file if its name ends in .npz.
The model may be an exported one: each memory then gives as many as it was exported for.
--memory takes a memory that was stored, by tools/remember.py, by the memory explorer or
by Memory.save, in place of those of test episodes.

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
MEMORY = flags.DEFINE_string(
    "memory", None, "File of memories to draw from: what Memory.save writes."
)
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
    of_draws = (SEED, TEMPERATURE, MEMORY)
    if NUM_IMAGES.value is None and any(flag.present for flag in of_draws):
        raise UserError("--seed, --temperature and --memory go with --num_images")
    if EXPORT.value is None:
        model, config = MODEL.load()
    elif NUM_IMAGES.value is None or MODEL.memory_size.value:
        raise UserError("--export takes --num_images, and no --memory_size")
    else:
        cli.start_tensorflow()
        from kpp_tf.serving.exported import Exported

        model = Exported(EXPORT.value)
        config = model.config
    if NUM_IMAGES.value is None:
        from kpp_tf.evaluation import pictures

        episodes = _episodes(model, config)
        files = pictures.write_all(model, next(iter(episodes)), OUT.value)
        print(f"Wrote {OUT.value}: {len(files)} pictures.")
        return
    from kpp_tf.evaluation import drawing

    how = (SEED.value, TEMPERATURE.value)
    if MEMORY.value is None:
        images = drawing.draw(model, _episodes(model, config), *how)
    else:
        from kpp_tf.models.kanerva_plus_plus import Memory

        if config.model.name != "kanerva_plus_plus":
            raise UserError(
                "--memory goes with kanerva_plus_plus, whose memories are stored. "
                f"Received: a model {config.model.name}"
            )
        images = drawing.draw_from(model, Memory.load(MEMORY.value), *how)
    drawing.save(images, NUM_IMAGES.value, OUT.value)
    print(f"Wrote {OUT.value}: {NUM_IMAGES.value:,} images.")


def _episodes(model, config):
    """Those of the test split, and a word where they do not fit the memory."""
    from kpp_tf.models.kanerva_plus_plus import capacity

    warning = capacity.warning(model, config.data.episode_length)
    if warning:
        print(f"generate: {warning}", file=sys.stderr, flush=True)
    return DATA.episodes(config)


if __name__ == "__main__":
    cli.run(main)

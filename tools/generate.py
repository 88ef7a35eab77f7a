r"""Draws images from a model's memory, or writes pictures of what it can do.

    python tools/generate.py --preset=binarized_mnist --num_images=100 --out=drawn
    python tools/generate.py --workdir=runs/glyphs --out=runs/glyphs/pictures
    python tools/generate.py --preset=binarized_mnist --data_dir=/data/tfds \
        --num_images=1000 --temperature=0.8 --seed=1 --out=drawn.npz
    python tools/generate.py --export=exported/kanerva_plus_plus --num_images=100 \
        --out=drawn
    python tools/generate.py --export=mine/exported --memory=mine/memory.npz \
        --num_images=100 --out=drawn

With --num_images it draws that many images from p(Y), from the memories of episodes in
turn, as numbered PNG files in the folder --out, or into one file if --out ends in .npz.
An exported model draws as many images from each memory as it was exported for. --memory
takes a stored memory: tools/remember.py, the memory explorer and Memory.save write one.

Without --num_images it writes PNG grids of the first episodes, a picture each: recall;
samples from p(Y), and the same improved by iterative inference; denoising; and for K++
the gist of a memory, a zoom from recall to gist, a walk over the memory, nudged keys,
and the memory's map.

Episodes hold a preset's example images if --data_dir, --split and the environment's
TFDS_DATA_DIR name no data, else test images of the model's data.
"""

import sys
from typing import TYPE_CHECKING, Any

from absl import flags
from ml_collections import ConfigDict

from kpp_tf import cli
from kpp_tf.errors import UserError

if TYPE_CHECKING:
    import tensorflow as tf

MODEL = cli.ModelFlags(required=False)
EXPORT = flags.DEFINE_string(
    "export",
    None,
    "A SavedModel: the folder of a version, or of versions to take the newest.",
)
DATA = cli.DataFlags()
MEMORY = flags.DEFINE_string(
    "memory", None, "File of memories to draw from, as Memory.save writes it."
)
OUT = flags.DEFINE_string("out", None, "Folder, or .npz file.", required=True)
NUM_IMAGES = flags.DEFINE_integer(
    "num_images", None, "Images to draw; grids if not given.", lower_bound=1
)
SEED = flags.DEFINE_integer("seed", 0, "Same seed, same images; for --num_images.")
TEMPERATURE = flags.DEFINE_float(
    "temperature",
    1.0,
    "Factor of every standard deviation; for --num_images.",
    lower_bound=0.0,
)

flags.mark_flags_as_mutual_exclusive(["workdir", "preset", "export"], required=True)


def main() -> None:
    """Draws."""
    of_draws = (SEED, TEMPERATURE, MEMORY)
    if NUM_IMAGES.value is None and any(flag.present for flag in of_draws):
        raise UserError("--seed, --temperature and --memory go with --num_images")
    model: Any
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

    seed, temperature = SEED.value, TEMPERATURE.value
    if MEMORY.value is None:
        images = drawing.draw(model, _episodes(model, config), seed, temperature)
    else:
        from kpp_tf.models.kanerva_plus_plus import Memory

        if config.model.name != "kanerva_plus_plus":
            raise UserError(
                f"--memory needs a kanerva_plus_plus. Received: a {config.model.name}"
            )
        images = drawing.draw_from(model, Memory.load(MEMORY.value), seed, temperature)
    drawing.save(images, NUM_IMAGES.value, OUT.value)
    print(f"Wrote {OUT.value}: {NUM_IMAGES.value:,} images.")


def _episodes(model: Any, config: ConfigDict) -> "tf.data.Dataset":
    """The episodes to write; prints a warning if they do not fit the memory."""
    from kpp_tf.models.kanerva_plus_plus import capacity

    warning = capacity.warning(model, config.data.episode_length)
    if warning:
        print(f"generate: {warning}", file=sys.stderr, flush=True)
    return DATA.episodes(config, MODEL.preset.value)


if __name__ == "__main__":
    cli.run(main)

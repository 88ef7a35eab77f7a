r"""Makes a memory of a folder of images: a file, a map of it, and a generator to serve.

    python tools/remember.py --images=PICTURES --out=mine
    python tools/remember.py --images=PICTURES --out=mine --steps=500
    python tools/remember.py --images=PICTURES --out=mine --config=configs/cifar10.py \
        --config.train.steps=5000

The first writes the images by a pretrained model as it is; the second fine-tunes it on
them before; the third trains another from the start. Images are cropped and resized to
what the model takes, and are binarized where it wants that. The memory grows to hold
them, up to 1,024.

The folder --out then holds memory.npz (`Memory.load` reads it), map.png (each block of
the memory as it is read, and beside it the images at their places), places.json (the
keys of each image), pictures/ (what is recalled, drawn, zoomed out, denoised, ...),
exported/<version> (a SavedModel; docs/serving.md says how to ask it with the memory)
and, where something was trained, model/, the folder of that run. A memory that is there
already is kept: the command stops before it does anything.
"""

import sys
from pathlib import Path

from absl import flags

from kpp_tf import cli
from kpp_tf.errors import UserError

IMAGES = flags.DEFINE_string(
    "images", None, "Folder of images, .npy, .npz or tfds:NAME.", required=True
)
OUT = flags.DEFINE_string("out", None, "Folder to write to.", required=True)
PRESET = flags.DEFINE_string(
    "preset", "binarized_mnist", "Name of a pretrained model, or a run's folder."
)
CONFIG = cli.define_config()
STEPS = flags.DEFINE_integer(
    "steps",
    None,
    "Training steps on the images; without --config none if not given.",
    lower_bound=1,
)
INVERT = flags.DEFINE_bool("invert", False, "Take black for white: ink on paper.")
MEMORY_SIZE = flags.DEFINE_integer(
    "memory_size", 0, "S of the memory, in cells a side; 0 fits the images.", 0
)
DATA_DIR = cli.define_data_dir()


def main() -> int:
    """Remembers; returns the exit code."""
    if CONFIG.value is not None and PRESET.present:
        raise UserError("--config trains from the start: give it, or --preset")
    cli.start_tensorflow()
    from kpp_tf.training import controller, stopping

    try:
        _remember()
    except stopping.Stopped as stopped:
        print(f"{stopped} The same command goes on.", file=sys.stderr)
        return stopped.exit_code
    except controller.Diverged as diverged:
        raise UserError(str(diverged)) from diverged
    return 0


def _remember() -> None:
    from kpp_tf import remember
    from kpp_tf.serving import saved_model, warmup

    out = Path(OUT.value)
    remember.check_new(out)
    model, config, table = _model_and_images(out / remember.MODEL)
    rows = remember.chosen(table)
    names = table.image_names or [f"{row}" for row in range(len(table))]
    model = remember.with_room(model, len(rows), MEMORY_SIZE.value)
    remembered = remember.write(model, table.images[rows])
    print(
        f"Wrote {len(rows):,} of {len(table):,} images into a memory of "
        f"{model.memory_size} x {model.memory_size} cells, which holds "
        f"{remembered.held.sum():,}. What is recalled differs by "
        f"{remembered.error:.3f} of white a pixel; the images' mean by "
        f"{remembered.error_of_mean:.3f}."
    )
    if remembered.error > remembered.error_of_mean / 2:
        print("The model hardly knows such images: train on them, as --steps=500.")
    remember.save(model, remembered, [names[row] for row in rows], out)
    path, _ = saved_model.export(
        model, out / remember.EXPORTED, config.model.name, warm_up=warmup.has_extra()
    )
    print(
        f"Wrote {out / remember.MEMORY}, {remember.MAP}, {remember.PLACES}, "
        f"{remember.PICTURES}/ and {path}."
    )


def _model_and_images(workdir: Path):
    """The model, trained if that was asked for, its config and the images."""
    from kpp_tf import remember
    from kpp_tf.models import KanervaPlusPlus

    config, start = CONFIG.value, None
    steps = STEPS.value or 0
    if config is None:
        start, config = cli.load_model(PRESET.value)
        config = remember.of_preset(config, IMAGES.value, steps)
    else:
        config.data.name = IMAGES.value
        config.train.steps = steps = steps or config.train.steps
    config.data.invert |= INVERT.value
    table = remember.load(config, DATA_DIR.value)
    _say(config, table)
    model = remember.train(config, table, workdir, start) if steps else start
    if not isinstance(model, KanervaPlusPlus):
        raise UserError(
            f"only a kanerva_plus_plus can be asked. Received: {config.model.name}"
        )
    return model, config, table


def _say(config, table) -> None:
    height, width, channels = table.image_shape
    shades = {2: "black or white"}.get(table.levels, "grey" if channels == 1 else "")
    print(
        f"{len(table):,} images of {IMAGES.value} as {width} x {height} pixels, "
        f"{shades or 'in colour'}."
    )
    if table.levels == 2 and not config.data.invert and table.images.mean() > 128:
        print("Most of it is white: --invert takes dark ink on paper for light.")


if __name__ == "__main__":
    cli.run(main)

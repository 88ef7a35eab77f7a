r"""Makes a memory of a folder of images: a file, a map of it, and a generator to serve.

    python tools/remember.py --images=PICTURES --out=mine
    python tools/remember.py --images=PICTURES --out=mine --steps=500
    python tools/remember.py --images=PICTURES --out=mine --config=configs/cifar10.py \
        --config.train.steps=5000

The first writes the images by a pretrained model as it is, chosen by what they look
like; the second fine-tunes it on them before; the third trains another from the start.
Images are turned as EXIF says, cropped and resized to what the model takes, and
binarized where it wants that. The memory grows to hold them all. Names of
splits such as train/ and test/ do not matter here.

The folder --out then holds memory.npz (`Memory.load` reads it), map.png (each block of
the memory as it is read, and beside it the images at their places), places.json (the
keys of each image), pictures/ (what is recalled, drawn, zoomed out, denoised, ...),
exported/<version> (a SavedModel; docs/serving.md says how to ask it with the memory)
and, where something was trained, model/, the folder of that run. A memory that is there
already is kept: the command stops before it does anything. memory.npz is written last.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags
from ml_collections import ConfigDict

from kpp_tf import cli
from kpp_tf.errors import UserError

if TYPE_CHECKING:
    from kpp_tf.data import ImageTable
    from kpp_tf.models import KanervaPlusPlus

IMAGES = flags.DEFINE_string(
    "images", None, "Folder of images, .npy, .npz or tfds:NAME.", required=True
)
OUT = flags.DEFINE_string("out", None, "Folder to write to.", required=True)
PRESET = flags.DEFINE_string(
    "preset",
    None,
    "Name of a pretrained model, or a run's folder; chosen by the images if not given.",
)
CONFIG = cli.define_config()
STEPS = flags.DEFINE_integer(
    "steps",
    None,
    "Training steps on the images; without --config none if not given.",
    lower_bound=1,
)
INVERT = flags.DEFINE_bool(
    "invert",
    None,
    "Take black for white: ink on paper. If not given, black or white images are "
    "inverted where most of them is white.",
)
GROUND = flags.DEFINE_integer(
    "ground", 255, "Level that shows where images are transparent.", 0, 255
)
WHITE = flags.DEFINE_float(
    "white", 0.0, "Number that is white, as 4095 of 12 bits; 0 goes by the type.", 0.0
)
AXES = flags.DEFINE_string(
    "axes", "", "Order of an array's axes, as NHWC, HWN or HW; '' goes by the sizes."
)
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
    names = list(table.image_names) or [f"{row}" for row in range(len(table))]
    model = remember.with_room(model, len(table), MEMORY_SIZE.value)
    remembered = remember.write(model, table.images)
    print(
        f"Wrote {len(table):,} images into a memory of "
        f"{model.memory_size} x {model.memory_size} cells, which holds "
        f"{remembered.held.sum():,}. What is recalled differs by "
        f"{remembered.error:.3f} of white a pixel; the images' mean by "
        f"{remembered.error_of_mean:.3f}."
    )
    if not remembered.is_known:
        print(f"The model hardly knows such images. Train it on them: {_advice()}")
    path, _ = saved_model.export(
        model, out / remember.EXPORTED, config.model.name, warm_up=warmup.has_extra()
    )
    remember.save(model, remembered, names, out)
    print(
        f"Wrote {out / remember.MEMORY}, {remember.MAP}, {remember.PLACES}, "
        f"{remember.PICTURES}/ and {path}."
    )


def _model_and_images(
    workdir: Path,
) -> tuple[KanervaPlusPlus, ConfigDict, ImageTable]:
    """The model, trained if that was asked for, its config and the images."""
    from kpp_tf import remember
    from kpp_tf.config import default
    from kpp_tf.data.own.fingerprint import kept_name
    from kpp_tf.models import KanervaPlusPlus

    images, data_dir = kept_name(IMAGES.value), DATA_DIR.value
    config, start, steps = CONFIG.value, None, STEPS.value or 0
    if config is None:
        preset = PRESET.value
        if preset is None:
            seen = default()
            _set_reading(seen, images)
            preset, why = remember.suitable_preset(seen.data, data_dir)
            print(f"Takes the preset {preset}: {why}. --preset chooses another.")
        start, config = cli.load_model(preset)
        config = remember.of_preset(config, images, steps)
    else:
        config.train.steps = steps = steps or config.train.steps
    _set_reading(config, images)
    table = remember.load(config, data_dir)
    _say(table)
    is_ink = table.levels == 2 and table.images.mean() > 128
    if is_ink and INVERT.value is None:
        print(
            "Most of it is white: ink on paper, taken as white on black. --noinvert "
            "keeps it."
        )
        config.data.invert = not config.data.invert
        table = remember.load(config, data_dir)
    model = start
    if steps:
        model = remember.train(config, table, workdir, start, data_dir)
    if not isinstance(model, KanervaPlusPlus):
        raise UserError(
            f"only a kanerva_plus_plus can be asked. Received: {config.model.name}"
        )
    return model, config, table


def _set_reading(config: ConfigDict, images: str) -> None:
    """Sets how the flags say that the images are read."""
    from kpp_tf import remember

    config.data.update({"name": images, **remember.ALL_OF_THEM})
    if INVERT.value is not None:
        config.data.invert = INVERT.value
    for flag in (GROUND, WHITE, AXES):
        if flag.present:
            config.data[flag.name] = flag.value


def _advice() -> str:
    """The same command with training, into another folder."""
    words = [f"--images={IMAGES.value}", f"--out={OUT.value}-trained"]
    for flag in (PRESET, INVERT, GROUND, WHITE, AXES, MEMORY_SIZE, DATA_DIR):
        if flag.present:
            words.append(f"--{flag.name}={flag.value}")
    words.append(f"--steps={4 * (STEPS.value or 125)}")
    program = Path(sys.argv[0])
    installed = program.parent.name == "kpp_tools"
    start = ["kpp-remember"] if installed else ["python", str(program)]
    return shlex.join([*start, *words])


def _say(table: ImageTable) -> None:
    height, width, channels = table.image_shape
    shades = {2: "black or white"}.get(table.levels, "grey" if channels == 1 else "")
    print(
        f"{len(table):,} images of {IMAGES.value} as {width} x {height} pixels, "
        f"{shades or 'in colour'}."
    )


if __name__ == "__main__":
    cli.run(main)

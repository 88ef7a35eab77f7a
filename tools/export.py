r"""Exports a trained generator for serving, and checks the export.

    python tools/export.py --preset=binarized_mnist --out=exported
    python tools/export.py --workdir=runs/glyphs --out=exported
    python tools/export.py --workdir=runs/glyphs --out=exported --format=tflite

A SavedModel becomes the next version, `<out>/<name>/<number>/`, as TF Serving loads it;
existing versions are never overwritten. TFLite files become
`<out>/<name>-<precision>.tflite`, for one episode of the configured length. Each export
is loaded again and compared with the live model. See docs/serving.md.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from kpp_tf import cli

if TYPE_CHECKING:
    from kpp_tf.models import MemoryModel

MODEL = cli.ModelFlags()
OUT = flags.DEFINE_string("out", None, "Folder of exported models.", required=True)
NAME = flags.DEFINE_string(
    "name", None, "The model's name for clients; config.model.name if not given."
)
FORMAT = flags.DEFINE_enum(
    "format", "saved_model", ["saved_model", "tflite"], "What to write."
)
NUM_SAMPLES = flags.DEFINE_integer(
    "num_samples",
    None,
    "Images that one `generate` draws from a memory; the episode length if not given. "
    "SavedModel only.",
    lower_bound=1,
)
WARM_UP = flags.DEFINE_bool(
    "warm_up",
    True,
    "Add warm-up records for TF Serving, where the serving extra is installed.",
)
PRECISIONS = flags.DEFINE_list(
    "precisions", ["float32", "float16", "int8"], "Precisions of the TFLite files."
)


@flags.validator("precisions", "one or more of float32, float16, int8")
def _known(names: list[str]) -> bool:
    return bool(names) and set(names) <= {"float32", "float16", "int8"}


def main() -> None:
    """Exports."""
    MODEL.check()
    cli.start_tensorflow()
    if FORMAT.value == "tflite":
        _export_tflite()
    else:
        _export_saved_model()


def _export_saved_model() -> None:
    from kpp_tf.serving import saved_model, warmup

    warm_up = WARM_UP.value and warmup.has_extra()
    if WARM_UP.value and not warm_up:
        print("No warm-up records: tensorflow_serving is missing.", file=sys.stderr)
    model, name = _load()
    path, differences = saved_model.export(
        model, Path(OUT.value) / name, name, NUM_SAMPLES.value, warm_up
    )
    _report(differences)
    print(f"Wrote {path}: version {path.name} of {name}, checked against the model.")


def _export_tflite() -> None:
    from kpp_tf.serving import tflite

    tflite.require_extra()
    model, name = _load()
    for precision in PRECISIONS.value:
        content, differences = tflite.convert(model, precision)
        out = Path(OUT.value) / f"{name}-{precision}.tflite"
        path = tflite.write_file(content, out)
        _report(differences)
        print(f"Wrote {path}: {len(content):,} bytes, builtin operations only.")


def _load() -> tuple["MemoryModel", str]:
    model, config = MODEL.load()
    return model, NAME.value or config.model.name


def _report(differences: Mapping[str, float]) -> None:
    for output, difference in differences.items():
        print(f"  {output:<28} differs from the live model by {difference:.1e}")


if __name__ == "__main__":
    cli.run(main)

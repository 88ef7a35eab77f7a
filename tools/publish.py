r"""Turns a trained run into a preset: config, weights in half precision, and a card.

    python tools/publish.py --workdir=runs/mnist --name=binarized_mnist
    python tools/evaluate.py --preset=binarized_mnist --data_dir=DIR \
        --json=results/kpp/binarized_mnist.json
    python tools/publish.py --name=binarized_mnist \
        --results=results/kpp/binarized_mnist.json

The first command stores the preset in the package's pretrained/NAME, or in OUT/NAME,
which must not exist; it refuses an unfinished run and a model over 12 MB. The second
measures what was stored, and the third adds the figures to the card.
"""

import shlex
import sys
from pathlib import Path

from absl import flags

from kpp_tf import cli
from kpp_tf.errors import UserError
from kpp_tf.files import read_json

NAME = flags.DEFINE_string("name", None, "Name of the preset.", required=True)
WORKDIR = flags.DEFINE_string("workdir", None, "Folder of a finished run.")
RESULTS = flags.DEFINE_string(
    "results", None, "File of figures, as tools/evaluate.py writes it."
)
OUT = flags.DEFINE_string("out", None, "Folder of presets; the package's if not given.")
EMA = flags.DEFINE_bool(
    "ema", True, "Take the weights' moving average, if the run has one."
)
WHICH = flags.DEFINE_enum("which", "newest", ["newest", "best"], "Checkpoint to take.")

LIMIT = 12_000_000  # bytes


def main() -> None:
    """Publishes."""
    if WORKDIR.value is None and RESULTS.value is None:
        raise UserError(
            "give --workdir to store a run, or --results for the card of a preset. "
            "Received: neither"
        )
    if Path(NAME.value).name != NAME.value or NAME.value.startswith("."):
        raise UserError(f"--name must name a folder. Received: {NAME.value!r}")
    results = None if RESULTS.value is None else read_json(RESULTS.value, "data")
    cli.start_tensorflow()
    from kpp_tf import pretrained
    from kpp_tf.report import published

    folder = Path(OUT.value or pretrained.FOLDER) / NAME.value
    if WORKDIR.value is not None:
        _store(WORKDIR.value, folder)
    if results is not None:
        data = results["data"]
        stored = published.STORED["kpp"].get(data)
        references = [("stored", "K++, ICLR 2021", stored)] if stored else []
        references += [
            ("predictive", f"{model.model}, no memory, {model.source}", model.value)
            for model in published.WITHOUT_MEMORY
            if model.data == data
        ]
        pretrained.write_card(folder, NAME.value, results, references)
    print(f"Wrote {folder}", file=sys.stderr)


def _store(workdir: str, folder: Path) -> None:
    from kpp_tf.provenance import portable_command
    from kpp_tf.training import checkpoints, workdirs

    summary = Path(workdir) / workdirs.SUMMARY
    if not summary.exists():
        raise UserError(f"not a finished run. Received: {workdir}")
    model, _ = checkpoints.load_model(workdir, ema=EMA.value, which=WHICH.value)
    size = 2 * model.count_params()
    if size > LIMIT:
        raise UserError(
            f"the model must be at most {LIMIT:,} bytes in half precision. "
            f"Received: {size:,}"
        )
    training = read_json(summary, "command")
    training["command"] = portable_command(shlex.split(training["command"]))
    model.save_to_preset(folder, training)


if __name__ == "__main__":
    cli.run(main)

r"""Makes a trained run a pretrained model, and measures it as it ships.

    python tools/publish.py --workdir=runs/mnist --name=binarized_mnist --data_dir=DIR

Stores config and half-precision weights in pretrained/NAME, which must not exist;
evaluates what was stored on the whole test split; writes results/runs/NAME.json (the
run's summary) and results/evaluations/NAME.json. A run that is not finished, or a model
over 8 MB, is refused.
"""

import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app, flags

WORKDIR = flags.DEFINE_string("workdir", None, "Folder of a finished run.")
NAME = flags.DEFINE_string("name", None, "Name of the pretrained model.")
DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Folder of prepared TFDS data sets; not needed for glyphs."
)
EMA = flags.DEFINE_bool("ema", True, "Take the weights' average, where there is one.")
WHICH = flags.DEFINE_enum("which", "newest", ["newest", "best"], "Checkpoint to take.")
NUM_SAMPLES = flags.DEFINE_integer(
    "num_samples", 16, "Of the importance-weighted bound; 0 leaves it out.", 0
)
RESULTS = flags.DEFINE_string("results", "results", "Folder for the figures.")

LIMIT = 8_000_000  # bytes


def main(argv: list[str]) -> int:
    """Publishes; returns the exit code."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected flags only. Received: {argv[1:]}")
    from kpp_tf import pretrained
    from kpp_tf.evaluation import result_files
    from kpp_tf.training import checkpoints, workdirs

    results = Path(RESULTS.value)
    if not (Path(WORKDIR.value) / workdirs.SUMMARY).exists():
        print(f"Error: not a finished run. Received: {WORKDIR.value}", file=sys.stderr)
        return 1
    model, config = checkpoints.load_model(
        WORKDIR.value, ema=EMA.value, which=WHICH.value
    )
    size = 2 * model.count_params()
    if size > LIMIT:
        print(
            f"Error: the model must be at most {LIMIT:,} bytes in half precision. "
            f"Received: {size:,}",
            file=sys.stderr,
        )
        return 1
    try:
        target = pretrained.save(NAME.value, model, config)
    except (FileExistsError, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(f"Wrote {target}", file=sys.stderr)
    result_files.keep_run(WORKDIR.value, results / "runs" / f"{NAME.value}.json")
    return subprocess.run(_evaluation(results), check=False).returncode


def _evaluation(results: Path) -> list[str]:
    command = [
        sys.executable,
        str(Path(__file__).resolve().parent / "evaluate.py"),
        f"--pretrained={NAME.value}",
        f"--num_samples={NUM_SAMPLES.value}",
        f"--json={results / 'evaluations' / f'{NAME.value}.json'}",
    ]
    if DATA_DIR.value:
        command.append(f"--data_dir={DATA_DIR.value}")
    return command


if __name__ == "__main__":
    flags.mark_flags_as_required(["workdir", "name"])
    app.run(main)

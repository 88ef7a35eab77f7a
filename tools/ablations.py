r"""Trains the variants of configs/ablations.py one after another.

    python tools/ablations.py --workdir=runs/ablations --data_dir=DIR --steps=1000
    python tools/ablations.py --workdir=runs/ablations --data_dir=DIR --steps=1000 \
        --variants=base,pooled --noquality

Each variant is trained in a folder of its own, then its samples are measured (see
tools/sample_quality.py); the figures go to results/ablations and results/quality, which
tools/write_results.py reads. What is finished is skipped, so the same command goes on
after an interruption. Everything runs at low priority.

Exit codes: 0; 1 if a variant failed (the others are still trained).
"""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

from absl import app, flags

VARIANTS = flags.DEFINE_list("variants", None, "Names of variants; default: all.")
WORKDIR = flags.DEFINE_string("workdir", "runs/ablations", "Folder of the runs.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of prepared TFDS data sets.")
STEPS = flags.DEFINE_integer("steps", 1000, "Training steps of each variant.", 1)
OVERRIDE = flags.DEFINE_multi_string(
    "override", [], "Field of every config, such as train.log_every=10. Repeatable."
)
QUALITY = flags.DEFINE_bool("quality", True, "Measure the samples too.")
RESULTS = flags.DEFINE_string("results", "results", "Folder for the figures.")
NICE = flags.DEFINE_integer("nice", 10, "Added to the processes' niceness.", 0, 19)

TOOLS = Path(__file__).resolve().parent


def train_command(variant: str, run: Path) -> list[str]:
    """Arguments that train a variant, for `subprocess`; no shell reads them."""
    command = [
        sys.executable,
        str(TOOLS / "train.py"),
        f"--config={TOOLS.parent / 'configs' / 'ablations.py'}:{variant}",
        f"--config.train.steps={STEPS.value}",
        *(f"--config.{override}" for override in OVERRIDE.value),
        f"--workdir={run}",
    ]
    return command + _data_dir()


def finished(run: Path) -> bool:
    """Whether a run has its summary, of as many steps as are asked for."""
    summary = run / "summary.json"
    return summary.exists() and json.loads(summary.read_text())["steps"] == STEPS.value


def do_variant(variant: str, label: str) -> bool:
    """Trains and measures a variant, where that is not done; whether it went well."""
    from kpp_tf.evaluation import result_files

    run, results = Path(WORKDIR.value) / variant, Path(RESULTS.value)
    if finished(run):
        print(f"{label}: kept {run}; move it away to train again.", flush=True)
    elif not _run(label, train_command(variant, run)):
        return False
    result_files.keep_run(run, results / "ablations" / f"{variant}.json")
    quality = results / "quality" / f"ablation_{variant}.json"
    newer = quality.exists() and (
        quality.stat().st_mtime > (run / "summary.json").stat().st_mtime
    )
    if not QUALITY.value or newer:
        return True
    command = [
        sys.executable,
        str(TOOLS / "sample_quality.py"),
        f"--workdir={run}",
        f"--classifiers={Path(WORKDIR.value).parent / 'classifiers'}",
        f"--json={quality}",
    ]
    return _run(label, command + _data_dir())


def _data_dir() -> list[str]:
    return [f"--data_dir={DATA_DIR.value}"] if DATA_DIR.value else []


def _run(label, command):
    print(f"{label}: {shlex.join(command)}", flush=True)
    code = subprocess.run(command, check=False).returncode
    if code:
        print(f"{label}: failed with exit code {code}.", file=sys.stderr, flush=True)
    return code == 0


def main(argv: list[str]) -> int:
    """Trains what is missing; returns the exit code."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected flags only. Received: {argv[1:]}")
    from kpp_tf.evaluation import ablations

    variants = VARIANTS.value or list(ablations.VARIANTS)
    unknown = sorted(set(variants) - set(ablations.VARIANTS))
    if unknown:
        raise app.UsageError(
            f"The variants are {', '.join(ablations.VARIANTS)}. Received: {unknown}"
        )
    os.nice(NICE.value)
    failed = [
        variant
        for number, variant in enumerate(variants, start=1)
        if not do_variant(variant, f"[{number}/{len(variants)}] {variant}")
    ]
    print(f"{len(variants) - len(failed)} of {len(variants)} variants are done.")
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    app.run(main)

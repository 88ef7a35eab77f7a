r"""Writes the paper's table, with our figures beside the published ones.

From runs that are there already (folders with the trainer's summary.json):

    python tools/results_table.py --runs=runs --output=runs/table

Trains small versions of every system first, one after another on this machine, each
in a folder of its own under --workdir, then writes the table:

    python tools/results_table.py --config='configs/table/*.py' \
        --workdir=runs/table --data_dir=/data/tfds --output=runs/table/table

A run that has its summary.json is not trained again, so the same command goes on after
an interruption. --override sets a field of every config, to try a command out:

    python tools/results_table.py --config='configs/table/*_binarized_mnist.py' \
        --override=train.steps=20 --workdir=runs/try --output=runs/try/table

Writes OUTPUT.md and OUTPUT.csv. Exit codes: 0; 1 if a run failed (the others are still
trained, and the table written) or the input is wrong.
"""

import glob
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from absl import app, flags

CONFIG = flags.DEFINE_multi_string(
    "config",
    [],
    "Config file, or a quoted pattern such as 'configs/table/*.py', to train before "
    "the table is written. May be repeated.",
)
RUNS = flags.DEFINE_multi_string(
    "runs",
    [],
    "A run's folder, or one that holds runs at any depth. May be repeated; --workdir "
    "is read too.",
)
WORKDIR = flags.DEFINE_string(
    "workdir", None, "Folder that --config's runs go to, a subfolder each."
)
DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Folder of prepared TFDS data sets, for --config."
)
OVERRIDE = flags.DEFINE_multi_string(
    "override",
    [],
    "Field of every config of --config, such as train.steps=100. May be repeated.",
)
OUTPUT = flags.DEFINE_string(
    "output", None, "Where the table goes: this path, with .md and .csv appended."
)

_TRAIN = Path(__file__).resolve().parent / "train.py"


def find_configs(patterns: Sequence[str]) -> dict[str, Path]:
    """Config files by the name of their run, which is the file's without its suffix.

    Args:
      patterns: paths or glob patterns.

    Returns:
      Run name -> file, sorted by name.

    Raises:
      ValueError: a pattern matches nothing, or two files would share a run's folder.
    """
    found: dict[str, Path] = {}
    for pattern in patterns:
        matches = sorted(Path(match) for match in glob.glob(pattern))
        if not matches:
            raise ValueError(
                f"--config must name files that exist. Received: {pattern}"
            )
        for path in matches:
            if found.setdefault(path.stem, path) != path:
                raise ValueError(
                    "configs need different file names, which name their runs. "
                    f"Received: {found[path.stem]} and {path}"
                )
    return dict(sorted(found.items()))


def train_command(
    config: Path, run: Path, data_dir: str | None, overrides: Sequence[str]
) -> list[str]:
    """Arguments that train one config, for `subprocess`; no shell reads them.

    Args:
      config: the file.
      run: the run's folder.
      data_dir: of the prepared data sets, None for the trainer's default.
      overrides: fields, each "name=value".

    Raises:
      ValueError: an override is not of that form.
    """
    command = [sys.executable, str(_TRAIN), f"--config={config}", f"--workdir={run}"]
    if data_dir:
        command.append(f"--data_dir={data_dir}")
    for override in overrides:
        name, equals, _ = override.partition("=")
        if not equals or not all(part.isidentifier() for part in name.split(".")):
            raise ValueError(
                f"--override is a field and its value: a.b=c. Received: {override}"
            )
        command.append(f"--config.{override}")
    return command


def train_missing(
    configs: Mapping[str, Path],
    workdir: Path,
    data_dir: str | None,
    overrides: Sequence[str],
) -> list[str]:
    """Trains every config whose run has no summary yet; returns those that failed."""
    from kpp_tf.evaluation.results_table import SUMMARY

    commands = {
        name: train_command(config, workdir / name, data_dir, overrides)
        for name, config in configs.items()
    }
    failed = []
    for number, (name, command) in enumerate(commands.items(), start=1):
        label = f"[{number}/{len(commands)}] {name}"
        if (workdir / name / SUMMARY).exists():
            print(f"{label}: kept {workdir / name}; delete it to train again.")
            continue
        print(f"{label}: {' '.join(command)}", flush=True)
        if code := subprocess.run(command, check=False).returncode:
            print(f"{label}: failed with exit code {code}.", file=sys.stderr)
            failed.append(name)
    return failed


def write(path: Path, text: str) -> None:
    """Writes a file whole, and says so."""
    verb = "Replaced" if path.exists() else "Wrote"
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    os.replace(temporary, path)
    print(f"{verb} {path}")


def main(argv: list[str]) -> int:
    """Trains what is asked for, then writes the table; returns the exit code."""
    if len(argv) > 1:
        raise app.UsageError(
            "Expected flags only; quote the pattern of --config so that the shell "
            f"leaves it alone. Received: {argv[1:]}"
        )
    if not CONFIG.value and not RUNS.value:
        raise app.UsageError("Give --runs to read, or --config to train, or both.")
    if CONFIG.value and not WORKDIR.value:
        raise app.UsageError("--config needs --workdir, where its runs go.")
    from kpp_tf.evaluation import results_table

    folders, failed = list(RUNS.value), []
    try:
        if CONFIG.value:
            workdir = Path(WORKDIR.value)
            workdir.mkdir(parents=True, exist_ok=True)
            configs = find_configs(CONFIG.value)
            failed = train_missing(configs, workdir, DATA_DIR.value, OVERRIDE.value)
            folders.append(workdir)
        rows = results_table.make_rows(results_table.find_runs(folders))
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    output = Path(OUTPUT.value)
    output.parent.mkdir(parents=True, exist_ok=True)
    write(output.with_name(f"{output.name}.md"), results_table.to_markdown(rows))
    write(output.with_name(f"{output.name}.csv"), results_table.to_csv(rows))
    count = sum(row.run is not None for row in rows)
    print(f"The table has {count} of our runs and {len(rows)} lines.")
    if failed:
        print(f"Failed runs: {', '.join(failed)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    flags.mark_flag_as_required("output")
    app.run(main)

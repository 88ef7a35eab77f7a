"""The folder of a run: its config, its metrics, its summary."""

from __future__ import annotations

import csv
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ml_collections

from kpp_tf import files, provenance
from kpp_tf.config import FILE
from kpp_tf.errors import UserError
from kpp_tf.models import Elbo, MemoryModel

METRICS, SUMMARY = "metrics.csv", "summary.json"

# A run may go on with other values of these: none changes a step that was made, but
# for `train.steps`, which the schedule of the steps to come depends on.
FREE = (
    "eval.",
    "data.test_split",
    "data.validation_split",
    "train.steps",
    "train.steps_per_loop",
    "train.checkpoint_every",
    "train.keep_checkpoints",
    "train.log_every",
    "train.summary_every",
    "train.jit_compile",
)


class WorkdirError(UserError):
    """The work directory cannot serve this run."""


def open_workdir(workdir: str | Path, config: ml_collections.ConfigDict) -> Path:
    """Creates or reopens a run's folder, and writes the config into it.

    Args:
      workdir: the folder.
      config: of the run.

    Returns:
      The folder.

    Raises:
      WorkdirError: if it cannot be written, or holds a run of another config.
    """
    folder = Path(workdir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / FILE).exists():
            _check_same(folder, config)
        files.write_json(folder / FILE, config.to_dict())
    except OSError as error:
        raise WorkdirError(
            f"The work directory cannot be written: {error.strerror}. "
            f"Received: --workdir={workdir}"
        ) from error
    return folder


def write_summary(
    workdir: Path,
    config: ml_collections.ConfigDict,
    model: MemoryModel,
    results: Mapping[str, float],
    device: str,
    command: Sequence[str],
) -> dict[str, Any]:
    """Writes `summary.json`, the outcome of a complete run, and returns it.

    Args:
      workdir: the run's folder.
      config: of the run.
      model: that was trained.
      results: of `Controller.run`.
      device: see `strategies.device_name`.
      command: the arguments of the process.
    """
    names = (
        "bound",
        "bound_standard_error",
        *Elbo._fields,
        "bits_per_dim",
        "images_per_second",
        "seconds",
    )
    summary = {
        **{name: results.get(name) for name in names},
        "data": config.data.name,
        "model": config.model.name,
        "split": config.data.test_split,
        "memory_floats_per_image": model.memory_floats / config.data.episode_length,
        "parameters": model.count_params(),
        "seed": config.seed,
        "steps": config.train.steps,
        "device": device,
        "config_hash": provenance.config_hash(config),
        "git_revision": provenance.git_revision(),
        "command": shlex.join(command),
    }
    files.write_json(Path(workdir) / SUMMARY, summary)
    return summary


class MetricsFile:
    """`metrics.csv`: a row of numbers every `log_every` steps.

    Args:
      folder: of the run.
      names: columns after `step`.
      step: the run goes on here; later rows, of steps that are made again, go away.
    """

    def __init__(self, folder: Path, names: Sequence[str], step: int):
        self.path = folder / METRICS
        self.names = ("step", *names)
        rows = []
        if self.path.exists():
            with self.path.open(newline="") as stream:
                for row in csv.DictReader(stream):
                    # A row that a kill cut short has None in its last columns.
                    if None not in row.values() and int(row["step"]) <= step:
                        rows.append(row)
        with (
            files.replacing(self.path) as temporary,
            temporary.open("w", newline="") as stream,
        ):
            writer = csv.DictWriter(
                stream, self.names, restval="", extrasaction="ignore"
            )
            writer.writeheader()
            writer.writerows(rows)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Appends a row."""
        with self.path.open("a", newline="") as stream:
            row = [step, *(f"{values[name]:.6g}" for name in self.names[1:])]
            csv.writer(stream).writerow(row)


def _check_same(folder: Path, config: ml_collections.ConfigDict) -> None:
    saved = _flat(files.read_json(folder / FILE))
    given = _flat(json.loads(json.dumps(config.to_dict())))
    lines = []
    # A field that the folder's config does not know is newer than the run.
    for name in sorted(saved):
        if name.startswith(FREE) or saved[name] == given.get(name):
            continue
        lines.append(f"  {name}: {saved[name]!r} there, {given.get(name)!r} given")
    if lines:
        raise WorkdirError(
            "The work directory holds a run of another config; choose another, or "
            f"give the same config to go on. Received: --workdir={folder}, where these "
            "differ:\n" + "\n".join(lines)
        )


def _flat(config: Mapping, prefix: str = "") -> dict[str, Any]:
    flat = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat

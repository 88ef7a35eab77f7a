"""The folder of a run: which configs may go on in it, its config, its summary."""

import contextlib
import json
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ml_collections

from kpp_tf import files, provenance
from kpp_tf.config import FILE
from kpp_tf.data.own.fingerprint import kept_name
from kpp_tf.errors import UserError
from kpp_tf.models import Elbo, MemoryModel
from kpp_tf.training import checkpoints, lock
from kpp_tf.validation import flatten

SUMMARY, CHANGES, DIVERGED = "summary.json", "config_changes.json", "diverged.json"

# A run may go on with other values of these: none changes a step already made.
# (`train.steps` changes the schedule of the steps to come.)
FREE = (
    "eval.",
    "data.test_split",
    "train.steps",
    "train.steps_per_loop",
    "train.checkpoint_every",
    "train.keep_checkpoints",
    "train.log_every",
    "train.summary_every",
    "train.jit_compile",
)
# After divergence, with other values of these, too.
REMEDIES = ("train.learning_rate", "train.final_learning_rate", "train.clip_norm")

# By field: the value before, and now.
Changes = dict[str, tuple[Any, Any]]


class WorkdirError(UserError):
    """The work directory cannot serve this run."""


def check(workdir: str | Path, config: ml_collections.ConfigDict) -> Changes:
    """Compares a config with the config of a folder's run. Writes nothing.

    A folder without a checkpoint holds no run.

    Args:
      workdir: the folder, which need not exist.
      config: of the run that is to start or go on there.

    Returns:
      The fields that differ, if the run may go on with them.

    Raises:
      WorkdirError: if the folder holds a run of another config, or one that has made
        more steps than the config asks for.
    """
    folder = Path(workdir)
    newest = checkpoints.newest_checkpoint(folder)
    if newest is None or not (folder / FILE).exists():
        return {}
    saved = flatten(files.read_json(folder / FILE))
    name = saved.get("data.name")
    if isinstance(name, str):
        saved["data.name"] = kept_name(name)
    given = flatten(json.loads(json.dumps(config.to_dict())))
    # Fields that the folder's config lacks are newer than the run.
    changes = {
        name: (saved[name], given.get(name))
        for name in sorted(saved)
        if saved[name] != given.get(name)
    }
    free = FREE + REMEDIES * (folder / DIVERGED).exists()
    refused = {
        name: change
        for name, change in changes.items()
        if not name.startswith(free)
        # Images that moved; `run_data.check` compares them.
        and not (name == "data.name" and all(map(os.path.isabs, change)))
    }
    if refused:
        lines = [
            f"  {name}: {before!r} there, {now!r} given"
            for name, (before, now) in refused.items()
        ]
        raise WorkdirError(
            "The work directory holds a run of another config; choose another, or "
            f"give the same config to go on. Received: --workdir={workdir}, where "
            "these differ:\n" + "\n".join(lines)
        )
    step = checkpoints.checkpoint_step(newest)
    if step > config.train.steps:
        raise WorkdirError(
            f"The run in {workdir} has made {step} steps: ask for as many or more, or "
            f"choose another folder. Received: config.train.steps={config.train.steps}"
        )
    return changes


@contextlib.contextmanager
def opened(workdir: str | Path, writes: bool = True) -> Iterator[Path]:
    """Creates or reopens a run's folder, and locks it for the block.

    A folder that is still empty at the end is removed.

    Args:
      workdir: the folder.
      writes: whether this process writes; the others only get the path.

    Raises:
      WorkdirError: if it cannot be written.
      UserError: if another run is writing to it.
    """
    folder = Path(workdir)
    if not writes:
        yield folder
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = lock.Lock(folder)
    except OSError as error:
        raise WorkdirError(
            f"The work directory cannot be written: {error.strerror}. "
            f"Received: --workdir={workdir}"
        ) from error
    try:
        yield folder
    finally:
        held.release()
        with contextlib.suppress(OSError):
            folder.rmdir()


def write_config(folder: Path, config: ml_collections.ConfigDict, step: int) -> None:
    """Writes the config; call it before the first checkpoint after `step`.

    Adds what changed since the checkpoint of `step` to `config_changes.json`, and
    removes the summary of that step.

    Args:
      folder: of the run.
      config: of the steps after `step`.
      step: from which the run goes on.
    """
    changes = check(folder, config)
    if changes:
        path = folder / CHANGES
        recorded = files.read_json(path) if path.exists() else {}
        earlier = recorded.setdefault("changes", [])
        if not isinstance(earlier, list):
            raise WorkdirError(f"the file is damaged; move it away. Received: {path}")
        earlier.append({"after_step": step, "fields": changes})
        files.write_json(path, recorded)
    elif step == 0:
        (folder / CHANGES).unlink(missing_ok=True)
    files.write_json(folder / FILE, config.to_dict())
    for outdated in (SUMMARY, DIVERGED):
        (folder / outdated).unlink(missing_ok=True)


def write_summary(
    workdir: Path,
    config: ml_collections.ConfigDict,
    model: MemoryModel,
    results: Mapping[str, float],
    device: str,
    command: Sequence[str],
) -> dict[str, Any]:
    """Writes `summary.json`, the results of a complete run, and returns it.

    Args:
      workdir: the run's folder.
      config: of the run, all of whose steps are made.
      model: the trained model.
      results: of `Controller.run`.
      device: of `strategies.device_name`.
      command: the process's arguments.
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
        "episode_length": config.data.episode_length,
        "capacity": getattr(model, "capacity", None),
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

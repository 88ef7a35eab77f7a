"""Checkpoints of a run: written whole, checked on reading, one before if damaged."""

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import keras
import ml_collections
import tensorflow as tf
from absl import logging

from kpp_tf import files
from kpp_tf.config import read
from kpp_tf.errors import UserError
from kpp_tf.models import MemoryModel, build_model
from kpp_tf.training.weight_average import WeightAverage

FOLDER, BEST_FOLDER, PREFIX = "checkpoints", "best", "ckpt"


class ArchitectureError(UserError):
    """The checkpoint's weights are not those of this model."""


class DamagedError(UserError):
    """Every checkpoint of a run is damaged."""


def weight_names(model: keras.Model) -> dict[str, tf.Variable]:
    """The model's weights by path, without the model's own name.

    Raises:
      ValueError: if two weights share a path.
    """
    named = {}
    for weight in model.weights:
        name = weight.path.partition("/")[2]
        if name in named:
            raise ValueError(f"two weights are called {name}: name the layers")
        named[name] = weight.value
    return named


class Checkpointer:
    """Saves and restores weights, optimiser slots, average, step and data position.

    Files lie in `workdir/checkpoints`; beside each checkpoint a JSON file holds the
    SHA-256 of its files and what was measured. The data need no state: a batch is a
    function of (seed, step), and `skipped` batches were passed over.

    Args:
      workdir: the run's folder.
      model: weights created.
      optimizer: built.
      average: of the weights, or None.
      keep: newest checkpoints to keep.

    Attributes:
      restored_results: what was measured at the checkpoint that was restored, or {}.
    """

    def __init__(
        self,
        workdir: Path,
        model: MemoryModel,
        optimizer: keras.optimizers.Optimizer,
        average: WeightAverage | None = None,
        keep: int = 2,
    ):
        self.folder = Path(workdir) / FOLDER
        self.best_folder = Path(workdir) / BEST_FOLDER
        self.model = model
        names = weight_names(model)
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.skipped = tf.Variable(0, dtype=tf.int64, trainable=False)
        slots = {f"{i:04d}": v.value for i, v in enumerate(optimizer.variables)}
        parts = {
            "model": names,
            "optimizer": slots,
            "step": self.step,
            "skipped": self.skipped,
        }
        if average is not None:
            parts["average"] = dict(zip(names, average.averages, strict=True))
        self.checkpoint = tf.train.Checkpoint(**parts)
        self.restored_results: dict[str, float] = {}
        self.manager = self._manager(self.folder, keep)
        self.best_manager = self._manager(self.best_folder, 1)

    def save(self, step: int, skipped: int = 0, results: Mapping | None = None) -> str:
        """Writes a checkpoint of step `step`; returns its path."""
        return self._save(self.manager, step, skipped, results)

    def save_best(self, step: int, skipped: int, results: Mapping) -> str:
        """Writes the checkpoint that `load_model(which="best")` reads."""
        return self._save(self.best_manager, step, skipped, results)

    def restore(self) -> tuple[int, int] | None:
        """Restores the newest checkpoint that is whole.

        Returns:
          (step, skipped), or None if there is no checkpoint.

        Raises:
          ArchitectureError: if its weights are not this model's.
          DamagedError: if there are checkpoints and every one is damaged.
        """
        for path in whole_checkpoints(self.folder):
            check_architecture(path, self.model)
            status = self.checkpoint.restore(str(path))
            status.assert_existing_objects_matched()
            self.restored_results = _results(path)
            return int(self.step), int(self.skipped)
        return None

    def best_results(self) -> dict[str, float]:
        """What was measured at the best checkpoint; {} if there is none."""
        path = next(whole_checkpoints(self.best_folder), None)
        return {} if path is None else _results(path)

    def _manager(self, folder, keep):
        arguments = (self.checkpoint, str(folder), keep)
        try:
            return tf.train.CheckpointManager(*arguments, checkpoint_name=PREFIX)
        except ValueError:
            # TensorFlow's list of the checkpoints is damaged; we go by the folder.
            (folder / "checkpoint").unlink()
            return tf.train.CheckpointManager(*arguments, checkpoint_name=PREFIX)

    def _save(self, manager, step, skipped, results):
        self.step.assign(step)
        self.skipped.assign(skipped)
        try:
            path = Path(manager.save(checkpoint_number=step))
            digests = {file.name: files.sha256(file) for file in _files(path)}
            record = {"step": step, "files": digests, "results": dict(results or {})}
            files.write_json(_sidecar(path), record)
        except (OSError, tf.errors.OpError):
            # A part of a checkpoint is of no use, and the room may be needed.
            for part in Path(manager.directory).glob(f"{PREFIX}-{step}[._]*"):
                shutil.rmtree(part) if part.is_dir() else part.unlink()
            raise
        kept = {Path(other).name for other in manager.checkpoints}
        for sidecar in path.parent.glob(f"{PREFIX}-*.json"):
            if sidecar.stem not in kept:
                sidecar.unlink()
        return str(path)


def load_model(
    workdir: str | Path, ema: bool = True, which: str = "newest"
) -> tuple[MemoryModel, ml_collections.ConfigDict]:
    """Rebuilds a run's model and restores its weights.

    Args:
      workdir: the run's folder, with `config.json` in it.
      ema: whether to take the weights' moving average, where the run has one.
      which: "newest" checkpoint or the "best" on the validation split.

    Returns:
      (model, config). The model's weights are float32.

    Raises:
      UserError: if the folder has no config or no such checkpoint.
      ArchitectureError: if the checkpoint's weights are not that model's.
      DamagedError: if every checkpoint is damaged.
    """
    folders = {"newest": FOLDER, "best": BEST_FOLDER}
    if which not in folders:
        raise ValueError(f"which must be one of {sorted(folders)}. Received: {which!r}")
    config = read(workdir)
    path = next(whole_checkpoints(Path(workdir) / folders[which]), None)
    if path is None:
        raise UserError(f"There is no {which} checkpoint. Received: workdir={workdir}")
    model = build_model(config)
    load_weights(path, model, ema)
    return model, config


def load_weights(path: str | Path, model: MemoryModel, ema: bool = True) -> None:
    """Restores the weights of one checkpoint; arguments as in `load_model`."""
    check_architecture(path, model)
    reader = tf.train.load_checkpoint(str(path))
    part = "average" if ema and _shapes(reader, "average") else "model"
    for name, variable in weight_names(model).items():
        variable.assign(reader.get_tensor(_key(part, name)))


def newest_checkpoint(workdir: str | Path) -> Path | None:
    """Path of the newest whole checkpoint of a run, or None if it has none."""
    return next(whole_checkpoints(Path(workdir) / FOLDER), None)


def checkpoint_step(path: str | Path) -> int:
    """The step in a checkpoint's file name."""
    return int(str(path).rpartition("-")[2])


def whole_checkpoints(folder: Path) -> Iterator[Path]:
    """Checkpoints of a folder that pass their checks, newest first.

    A damaged one is named in a warning and passed over.

    Raises:
      DamagedError: when the last is reached, if every one is damaged.
    """
    found = [
        path.with_suffix("")
        for path in Path(folder).glob(f"{PREFIX}-*.index")
        if re.fullmatch(rf"{PREFIX}-\d+", path.stem)
    ]
    damaged = []
    for path in sorted(found, key=checkpoint_step, reverse=True):
        problem = damage(path)
        if problem is None:
            yield path
        else:
            logging.warning("Passing over damaged checkpoint %s: %s", path, problem)
            damaged.append(path.name)
    if found and len(damaged) == len(found):
        raise DamagedError(
            f"Every checkpoint in {folder} is damaged: {', '.join(damaged)}. Move the "
            "folder away to start over."
        )


def damage(path: Path) -> str | None:
    """What is wrong with a checkpoint's files, or None."""
    sidecar = _sidecar(path)
    if sidecar.exists():
        try:
            record = files.read_json(sidecar, "files", "results")
            digests, _ = dict(record["files"]), dict(record["results"])
        except (ValueError, TypeError):
            return f"{sidecar.name} cannot be read"
        for name, digest in digests.items():
            file = path.parent / name
            if not file.exists():
                return f"{name} is missing"
            if files.sha256(file) != digest:
                return f"{name} has changed since it was written"
        return None
    # Killed between writing the checkpoint and its sidecar. Each tensor has a checksum
    # of its own, which reading compares.
    try:
        reader = tf.train.load_checkpoint(str(path))
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except Exception as error:  # the reader's errors have no common type
        return str(error).partition("\n")[0]
    return None


def check_architecture(path: str | Path, model: MemoryModel) -> None:
    """Compares a checkpoint's weights with the model's by name and shape.

    Raises:
      ArchitectureError: if they differ; the message lists the differences.
    """
    saved = _shapes(tf.train.load_checkpoint(str(path)), "model")
    wanted = {
        _key("model", name): tuple(variable.shape)
        for name, variable in weight_names(model).items()
    }
    lines = []
    for key in sorted(saved.keys() | wanted.keys()):
        if saved.get(key) != wanted.get(key):
            name = key.split("/")[1].replace(".S", "/")
            lines.append(
                f"  {name}: {saved.get(key, 'absent')} in the checkpoint, "
                f"{wanted.get(key, 'absent')} in the model"
            )
    if lines:
        shown = lines[:10] + [f"  and {len(lines) - 10} more"] * (len(lines) > 10)
        raise ArchitectureError(
            f"The checkpoint is of another architecture. Received: {path}\n"
            + "\n".join(shown)
        )


def _shapes(reader, part: str) -> dict[str, tuple[int, ...]]:
    shapes = reader.get_variable_to_shape_map()
    return {k: tuple(s) for k, s in shapes.items() if k.startswith(f"{part}/")}


def _key(part: str, name: str) -> str:
    # How TensorFlow's object graph spells the entry `name` of a dictionary.
    escaped = name.replace(".", "..").replace("/", ".S")
    return f"{part}/{escaped}/.ATTRIBUTES/VARIABLE_VALUE"


def _sidecar(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _results(path: Path) -> dict[str, float]:
    sidecar = _sidecar(path)
    return files.read_json(sidecar)["results"] if sidecar.exists() else {}


def _files(path: Path) -> list[Path]:
    return sorted(
        file
        for file in path.parent.glob(f"{path.name}.*")
        if file.suffix != ".json" and "tempstate" not in file.name
    )

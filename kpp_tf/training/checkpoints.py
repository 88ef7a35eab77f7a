"""Checkpoints of a run: written by TensorFlow, checked by SHA-256 before they are read.

Of a damaged checkpoint the one before is taken.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import ml_collections
import tensorflow as tf
from absl import logging

from kpp_tf import files
from kpp_tf.config import read
from kpp_tf.errors import UserError
from kpp_tf.models import MemoryModel, build_model
from kpp_tf.training.architecture import check_shapes, weight_names
from kpp_tf.training.weight_average import WeightAverage

FOLDER, BEST_FOLDER, PREFIX = "checkpoints", "best", "ckpt"
_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


class DamagedError(UserError):
    """Every checkpoint of a run is damaged."""


class Checkpointer:
    """Saves and restores weights, optimiser slots, average, step and data position.

    Files lie in `workdir/checkpoints`; a JSON file beside each checkpoint holds the
    SHA-256 of its files and the results measured there. The data need no state: a batch
    is a function of (seed, step), and `skipped` counts the batches passed over.

    Args:
      workdir: the run's folder.
      model: weights created.
      optimizer: built.
      average: of the weights, or None.
      keep: newest checkpoints to keep.

    Attributes:
      restored_results: the results at the restored checkpoint, or {}.
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
        parts: dict[str, Any] = {
            "model": names,
            "optimizer": {
                f"{i:04d}": v.value for i, v in enumerate(optimizer.variables)
            },
            "step": self.step,
            "skipped": self.skipped,
        }
        if average is not None:
            parts["average"] = dict(zip(names, average.averages, strict=True))
        self.checkpoint = tf.train.Checkpoint(**parts)
        self.restored_results: dict[str, float] = {}
        self.manager = self._manager(self.folder, keep)
        self.best_manager = self._manager(self.best_folder, 1)

    def save(
        self,
        step: int,
        skipped: int = 0,
        results: Mapping[str, float] | None = None,
        best: bool = False,
    ) -> str:
        """Writes a checkpoint of step `step`; returns its path.

        Args:
          step: steps made.
          skipped: batches passed over.
          results: what was measured at this step.
          best: whether to write the one that `load_model(which="best")` reads.
        """
        manager = self.best_manager if best else self.manager
        self.step.assign(step)
        self.skipped.assign(skipped)
        try:
            path = Path(manager.save(checkpoint_number=step))
            digests = {file.name: files.sha256(file) for file in _files(path)}
            record = {"step": step, "files": digests, "results": dict(results or {})}
            files.write_json(_sidecar(path), record)
        except (OSError, tf.errors.OpError):
            # A part of a checkpoint is useless, and the disk may be full.
            for part in Path(manager.directory).glob(f"{PREFIX}-{step}[._]*"):
                shutil.rmtree(part) if part.is_dir() else part.unlink()
            raise
        kept = {Path(other).name for other in manager.checkpoints}
        for sidecar in path.parent.glob(f"{PREFIX}-*.json"):
            if sidecar.stem not in kept:
                sidecar.unlink()
        return str(path)

    def restore(self) -> tuple[int, int] | None:
        """Restores the newest undamaged checkpoint.

        Returns:
          (step, skipped), or None if there is no checkpoint.

        Raises:
          ArchitectureError: if its weights are not this model's.
          DamagedError: if there are checkpoints and every one is damaged.
        """
        path = next(whole_checkpoints(self.folder), None)
        if path is None:
            return None
        _check_weights(path, self.model)
        status = self.checkpoint.restore(str(path))
        status.assert_existing_objects_matched()
        self.restored_results = _results(path)
        return int(self.step), int(self.skipped)

    def best_results(self) -> dict[str, float]:
        """The results at the best checkpoint; {} if there is none."""
        path = next(whole_checkpoints(self.best_folder), None)
        return {} if path is None else _results(path)

    def _manager(self, folder: Path, keep: int) -> tf.train.CheckpointManager:
        arguments = (self.checkpoint, str(folder), keep)
        try:
            return tf.train.CheckpointManager(*arguments, checkpoint_name=PREFIX)
        except ValueError:
            # TensorFlow's list of checkpoints is damaged; the folder is what counts.
            (folder / "checkpoint").unlink()
            return tf.train.CheckpointManager(*arguments, checkpoint_name=PREFIX)


def load_model(
    workdir: str | Path, ema: bool = True, which: str = "newest"
) -> tuple[MemoryModel, ml_collections.ConfigDict]:
    """Rebuilds a run's model and restores its weights.

    Args:
      workdir: the run's folder, with `config.json` in it.
      ema: whether to take the weights' moving average, if the run has one.
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
    """Restores the weights of one checkpoint; see `load_model`."""
    reader = _check_weights(path, model)
    part = "average" if ema and _shapes(reader, "average") else "model"
    for name, variable in weight_names(model).items():
        variable.assign(reader.get_tensor(_key(part, name)))


def newest_checkpoint(workdir: str | Path) -> Path | None:
    """Path of a run's newest undamaged checkpoint, or None if it has none."""
    return next(whole_checkpoints(Path(workdir) / FOLDER), None)


def checkpoint_step(path: str | Path) -> int:
    """The step in a checkpoint's file name."""
    return int(str(path).rpartition("-")[2])


def whole_checkpoints(folder: Path) -> Iterator[Path]:
    """Undamaged checkpoints of a folder, newest first.

    A warning names each damaged one.

    Raises:
      DamagedError: at the end, if every one is damaged.
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
    # The run was killed before it wrote the JSON file. Reading compares the checksum
    # that TensorFlow keeps of each tensor.
    try:
        reader = tf.train.load_checkpoint(str(path))
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except Exception as error:  # the reader's errors have no common type
        return str(error).partition("\n")[0]
    return None


def _check_weights(path: str | Path, model: MemoryModel) -> Any:
    """Checks that a checkpoint's weights are the model's; returns its reader."""
    reader = tf.train.load_checkpoint(str(path))
    check_shapes(_shapes(reader, "model"), model, path)
    return reader


def _shapes(reader: Any, part: str) -> dict[str, tuple[int, ...]]:
    """Shapes of the entries of one part of a checkpoint, by name."""
    return {
        _unescaped(key.removeprefix(f"{part}/").removesuffix(_VALUE)): tuple(shape)
        for key, shape in reader.get_variable_to_shape_map().items()
        if key.startswith(f"{part}/")
    }


def _key(part: str, name: str) -> str:
    """The key of entry `name` of a dictionary in TensorFlow's object graph."""
    return f"{part}/{name.replace('.', '..').replace('/', '.S')}{_VALUE}"


def _unescaped(name: str) -> str:
    return re.sub(r"\.(.)", lambda match: "/" if match[1] == "S" else ".", name)


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

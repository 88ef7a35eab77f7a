"""The controller: takes a run from its last checkpoint to its end."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kpp_tf import likelihoods
from kpp_tf.data import ImageTable
from kpp_tf.training import strategies, workdirs
from kpp_tf.training.checkpoints import Checkpointer
from kpp_tf.training.progress import Progress
from kpp_tf.training.train_step import METRICS
from kpp_tf.training.trainer import Trainer

COLUMNS = ("images_per_second", "bound", "bits_per_dim", *METRICS)


class Diverged(RuntimeError):
    """A term of the objective or the gradient is no finite number."""


class Stopped(Exception):
    """The run was asked to stop, and has saved a checkpoint."""


class Controller:
    """Trains, saves, logs, evaluates.

    Args:
      trainer: the trainer; resumed from the newest checkpoint of `workdir`.
      workdir: the run's folder.
      validation: the split that chooses the best checkpoint, or None.
      max_rollbacks: how often to go back to the last checkpoint after divergence and
        pass over the batches since then; 0 stops instead.
    """

    def __init__(
        self,
        trainer: Trainer,
        workdir: str | Path,
        validation: ImageTable | None = None,
        max_rollbacks: int = 0,
    ):
        self.trainer = trainer
        self.config = trainer.config
        self.chief = strategies.is_chief(trainer.strategy)
        self.workdir = Path(workdir)
        if self.chief:
            workdirs.open_workdir(workdir, self.config)
        self.validation = validation
        self.rollbacks_left = max_rollbacks
        self.checkpoints = Checkpointer(
            self.workdir,
            trainer.model,
            trainer.optimizer,
            trainer.average,
            self.config.train.keep_checkpoints,
        )
        restored = self.checkpoints.restore()
        self.saved_step = None if restored is None else restored[0]
        trainer.move_to(*(restored or (0, 0)))
        self.stop_wished = threading.Event()

    def run(self) -> None:
        """Trains to the config's last step.

        Raises:
          Stopped: after SIGTERM, once a checkpoint is saved.
          Diverged: when a term is no finite number and no roll-back is left.
        """
        trainer, steps = self.trainer, self.config.train.steps
        self.progress = Progress(steps, trainer.step, self.chief)
        self._say_start()
        if self.chief:
            self.metrics = workdirs.MetricsFile(self.workdir, COLUMNS, trainer.step)
        before = signal.signal(signal.SIGTERM, lambda *_: self.stop_wished.set())
        try:
            with self.progress:
                self._loop(steps)
        finally:
            signal.signal(signal.SIGTERM, before)

    def _loop(self, steps):
        trainer, train = self.trainer, self.config.train
        pending, since, began = [], trainer.step, time.monotonic()
        while trainer.step < steps:
            count = self._steps_to_next_event()
            rows, stop = trainer.train(count, self.stop_wished.is_set())
            if not np.isfinite(rows).all():
                self._diverged(rows)
                pending, since, began = [], trainer.step, time.monotonic()
                continue
            step = trainer.step
            pending.append(rows)
            self.progress.update(step)
            if step % train.log_every == 0 or step == steps:
                seconds = time.monotonic() - began
                rate = (step - since) * trainer.images_per_step / seconds
                self._log(step, np.concatenate(pending), rate)
                pending, since, began = [], step, time.monotonic()
            if stop or step % train.checkpoint_every == 0 or step == steps:
                paused = time.monotonic()
                self._save()
                began += time.monotonic() - paused
            if stop and step < steps:
                raise Stopped(f"Stopped after step {step}, which is saved.")

    def _steps_to_next_event(self):
        train, step = self.config.train, self.trainer.step
        events = (train.steps_per_loop, train.log_every, train.checkpoint_every)
        ahead = [n - step % n for n in events]
        return min(train.steps - step, *ahead)

    def _log(self, step, rows, images_per_second):
        metrics = dict(zip(METRICS, rows.mean(axis=0, dtype=np.float64), strict=True))
        metrics["bound"] = _bound(metrics)
        metrics["bits_per_dim"] = self._bits_per_dim(metrics["bound"])
        metrics["images_per_second"] = images_per_second
        self.progress.write(step, metrics)
        if self.chief:
            self.metrics.write(step, metrics)

    def _save(self):
        if self.chief:
            self.checkpoints.save(self.trainer.step, self.trainer.skipped)
        self.saved_step = self.trainer.step

    def _diverged(self, rows):
        trainer = self.trainer
        row = int(np.argmin(np.isfinite(rows).all(axis=1)))
        terms = [
            n
            for n, value in zip(METRICS, rows[row], strict=True)
            if not np.isfinite(value)
        ]
        step = trainer.step - len(rows) + row
        # The first in the order of computation caused the others.
        causes = [name for name in terms if name != "loss"] or terms
        last = "none" if self.saved_step is None else f"step {self.saved_step}"
        message = (
            f"Diverged at step {step}: {causes[0]} is {rows[row][METRICS.index(causes[0])]}"
            f" (not finite: {', '.join(terms)}). Last good checkpoint: {last}."
        )
        if self.saved_step is None or not self.rollbacks_left:
            raise Diverged(message)
        self.rollbacks_left -= 1
        restored, skipped = self.checkpoints.restore()
        passed = step - restored + 1
        trainer.move_to(restored, skipped + passed)
        self.progress.say(
            f"{message} Going on from there without the {passed} batches since."
        )

    def _bits_per_dim(self, bound):
        dims = int(np.prod(self.config.data.image_shape))
        return likelihoods.bits_per_dim(bound, dims)

    def _say_start(self):
        trainer = self.trainer
        weights = sum(int(np.prod(w.shape)) for w in trainer.model.weights)
        what = "Starting" if self.saved_step is None else "Going on"
        self.progress.say(
            f"{what} at step {trainer.step:,} of {self.config.train.steps:,}: "
            f"{self.config.model.name} with {weights:,} weights on "
            f"{self.config.data.name}, {trainer.strategy.num_replicas_in_sync} "
            f"replica(s), {self.workdir}"
        )


def _bound(metrics: Mapping[str, float]) -> float:
    kl = metrics["kl_latents"] + metrics["kl_keys"] + metrics["kl_memory"]
    return kl - metrics["log_likelihood"]

"""The controller: takes a run from its newest checkpoint to its end."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from kpp_tf import files
from kpp_tf.data import ImageTable, evaluation_episodes, partition
from kpp_tf.models.kanerva_plus_plus import capacity
from kpp_tf.training import workdirs
from kpp_tf.training.checkpoints import Checkpointer
from kpp_tf.training.devices import strategies
from kpp_tf.training.failures import (
    LOST,
    Diverged,
    Unwritten,
    WorkerLost,
    divergence,
    reason,
)
from kpp_tf.training.progress import Progress, Speed
from kpp_tf.training.run_log import COLUMNS, Logger, MetricsFile, averages
from kpp_tf.training.stopping import Stopped, StopSignals
from kpp_tf.training.summaries import Summaries
from kpp_tf.training.trainer import Trainer

# `Trainer.train`.
Loop = Callable[[int, bool], tuple[np.ndarray, bool]]


@dataclasses.dataclass
class Options:
    """Options of a run that are not in its config.

    Attributes:
      rollbacks: how often to return to the last checkpoint after divergence and pass
        over the batches since; 0 stops instead.
      profile_at: profiles the first loop from this step on, for TensorBoard; 0: none.
      summaries: whether to write TensorBoard files.
      loggers: functions of (step, numbers by name) for other trackers, called every
        `config.train.log_every` steps and after each validation.
    """

    rollbacks: int = 0
    profile_at: int = 0
    summaries: bool = True
    loggers: Sequence[Logger] = ()


class Controller:
    """Trains, saves, logs, evaluates; resumes from the workdir's newest checkpoint.

    Args:
      trainer: the trainer.
      workdir: the run's folder, of `workdirs.opened`.
      test: the split to evaluate at the end, and to show in TensorBoard.
      validation: the split that chooses the best checkpoint, or None.
      options: of the run.

    Raises:
      ArchitectureError: if the checkpoint is of another architecture.
      DamagedError: if every checkpoint is damaged.
      UserError: if a split cannot be cut into episodes.
    """

    def __init__(
        self,
        trainer: Trainer,
        workdir: Path,
        test: ImageTable,
        validation: ImageTable | None = None,
        options: Options | None = None,
    ):
        self.trainer = trainer
        self.config = trainer.config
        self.workdir = workdir
        self.test, self.validation = test, validation
        self.options = options or Options()
        self.chief = strategies.is_chief(trainer.strategy)
        for table in filter(None, (test, validation)):
            partition(table, self.config.data, self.config.eval.seed)
        self.changes = workdirs.check(workdir, self.config)
        self.checkpoints = Checkpointer(
            self.workdir,
            trainer.model,
            trainer.optimizer,
            trainer.average,
            self.config.train.keep_checkpoints,
        )
        restored = self.checkpoints.restore()
        self.saved_step = None if restored is None else restored[0]
        self._config_written = False
        trainer.move_to(*(restored or (0, 0)))
        earlier = self.checkpoints.restored_results
        self._seconds_before = earlier.get("seconds", 0.0)
        self._images_per_second = earlier.get("images_per_second", 0.0)
        best = self.checkpoints.best_results() if restored else {}
        self.best_bound = best.get("bound", np.inf)
        self._rollbacks_left = self.options.rollbacks
        self._signals = StopSignals()

    def run(self) -> dict[str, float]:
        """Trains to the config's last step, then evaluates the test split.

        Returns:
          The results of `Trainer.evaluate`, with `images_per_second` of training and
          `seconds` of the whole run, over all its resumptions.

        Raises:
          Stopped: after SIGTERM or Ctrl-C to any worker, once a checkpoint is saved.
          Diverged: if a metric is not finite and no roll-back is left.
          Unwritten: if a file cannot be written.
          WorkerLost: if another worker goes away.
        """
        trainer, steps = self.trainer, self.config.train.steps
        self._began = time.monotonic()
        self.progress = Progress(steps, trainer.step, self.chief)
        self._say_start()
        self._open_log()
        try:
            with self._signals, self.progress:
                self._loop(steps)
                self._signals.stop_at_once(f"Stopped; step {steps} is saved.")
                self.progress.say(f"Evaluating on {self.test.name}/{self.test.split}.")
                results = trainer.evaluate(self.test)
        except LOST as error:
            if strategies.num_workers(trainer.strategy) == 1:
                raise
            raise WorkerLost(self._lost_message(error)) from error
        self._write_config()
        return {**results, **self._speed()}

    def _loop(self, steps: int) -> None:
        trainer, train = self.trainer, self.config.train
        pending: list[np.ndarray] = []
        speed = Speed(trainer.images_per_step)
        while trainer.step < steps:
            count = self._steps_to_next_event()
            with speed.timed(count):
                rows, stop = self._profiled(trainer.train, count)
            bad = divergence(rows, train.precision)
            if bad is not None:
                self._roll_back(trainer.step - len(rows) + bad[0], bad[1])
                pending = []
                speed.take()
                continue
            step = trainer.step
            pending.append(rows)
            self.progress.update(step)
            if self._due(train.log_every):
                self._log(step, np.concatenate(pending), speed.take())
                pending = []
            pictures = train.summary_every and self._due(train.summary_every)
            if self.summaries and pictures:
                with self._writing(f"The pictures of step {step}"):
                    self.summaries.pictures(step)
            if stop or self._due(train.checkpoint_every):
                self._save(validate=not stop)
            if stop:
                message = f"Stopped after step {step}, which is saved."
                raise Stopped(message, self._signals.number)

    def _due(self, every: int) -> bool:
        """Whether an event of every `every` steps, and of the end, is due."""
        step = self.trainer.step
        return step == self.config.train.steps or (every > 0 and step % every == 0)

    def _steps_to_next_event(self) -> int:
        train, step = self.config.train, self.trainer.step
        events = (
            train.steps_per_loop,
            train.log_every,
            train.checkpoint_every,
            train.summary_every,
        )
        steps = [every - step % every for every in events if every]
        return min(train.steps - step, *steps)

    def _profiled(self, train: Loop, count: int) -> tuple[np.ndarray, bool]:
        at = self.options.profile_at
        stop = self._signals.number is not None
        if not (at and self.chief and self.trainer.step >= at):
            return train(count, stop)
        self.options.profile_at = 0
        folder = str(self.workdir / "tensorboard")
        with tf.profiler.experimental.Profile(folder):
            result = train(count, stop)
        self.progress.say(f"Profiled {count} steps into {folder}.")
        return result

    def _open_log(self) -> None:
        self.summaries: Summaries | None = None
        # The first two need every column, so they take no validation.
        self.of_steps: list[Logger] = [self.progress.write]
        self.loggers: list[Logger] = []
        if not self.chief:
            return
        step = self.trainer.step
        self.of_steps.append(MetricsFile(self.workdir, COLUMNS, step).write)
        self.loggers.extend(self.options.loggers)
        if self.options.summaries:
            episodes = evaluation_episodes(
                self.test, self.config.data, episodes_per_batch=4, seed=0
            )
            self.summaries = Summaries(
                self.workdir, self.config, self.trainer.model, next(iter(episodes))
            )
            self.loggers.append(self.summaries.scalars)

    def _log(self, step: int, rows: np.ndarray, images_per_second: float) -> None:
        self._images_per_second = images_per_second or self._images_per_second
        values = averages(rows, int(np.prod(self.config.data.image_shape)))
        values["images_per_second"] = images_per_second
        with self._writing(f"The metrics of step {step}"):
            for logger in (*self.of_steps, *self.loggers):
                logger(step, values)

    def _save(self, validate: bool) -> None:
        trainer = self.trainer
        step, skipped = trainer.step, trainer.skipped
        results = self._speed()
        if self.validation is not None and validate:
            results.update(trainer.evaluate(self.validation))
            self.progress.say(
                f"step {step:,}: bound {results['bound']:.2f} nats/image on "
                f"{self.validation.split}"
            )
            with self._writing(f"The validation of step {step}"):
                for logger in self.loggers:
                    logger(step, {"validation/bound": results["bound"]})
        if self.chief:
            with self._writing(f"The checkpoint of step {step}"):
                self._write_config()
                self.checkpoints.save(step, skipped, results)
                if results.get("bound", np.inf) < self.best_bound:
                    self.checkpoints.save(step, skipped, results, best=True)
        self.best_bound = min(self.best_bound, results.get("bound", np.inf))
        self.saved_step = step

    def _write_config(self) -> None:
        if self.chief and not self._config_written:
            workdirs.write_config(self.workdir, self.config, self.saved_step or 0)
            self._config_written = True

    @contextlib.contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        try:
            yield
        except (OSError, tf.errors.OpError) as error:
            saved = f"Nothing is saved in {self.workdir}"
            if self.saved_step is not None:
                saved = f"{self.workdir} holds the run up to step {self.saved_step}"
            raise Unwritten(
                f"{what} could not be written: {reason(error)}. {saved}; once that is "
                "solved, the same command goes on from there."
            ) from error

    def _roll_back(self, step: int, terms: list[str]) -> None:
        """Returns to the last checkpoint; raises `Diverged` if that is not allowed."""
        trainer = self.trainer
        last = "none" if self.saved_step is None else f"step {self.saved_step}"
        message = (
            f"Diverged at step {step}: not a finite number: {', '.join(terms)}. "
            f"Last good checkpoint: {last}."
        )
        if self.saved_step is None or not self._rollbacks_left:
            if self.chief and self.saved_step is not None:
                files.write_json(
                    self.workdir / workdirs.DIVERGED, {"step": step, "terms": terms}
                )
            train = self.config.train
            raise Diverged(
                f"{message} Try a lower config.train.learning_rate (now "
                f"{train.learning_rate:g}) or config.train.clip_norm (now "
                f"{train.clip_norm:g}; 0: no clipping); the same --workdir takes them."
            )
        self._rollbacks_left -= 1
        found = self.checkpoints.restore()
        assert found is not None, "saved_step says that there is a checkpoint"
        restored, skipped = found
        passed = step - restored + 1
        trainer.move_to(restored, skipped + passed)
        self.progress.say(
            f"{message} Going on from there without the {passed} batches since."
        )

    def _lost_message(self, error: Exception) -> str:
        last = "none" if self.saved_step is None else f"step {self.saved_step}"
        cause = str(error).strip().partition("\n")[0]
        return (
            "Another worker went away, and a sum over the workers cannot be completed. "
            f"Start all workers again to go on; last checkpoint: {last}. ({cause})"
        )

    def _speed(self) -> dict[str, float]:
        seconds = self._seconds_before + time.monotonic() - self._began
        return {"seconds": seconds, "images_per_second": self._images_per_second}

    def _say_start(self) -> None:
        trainer = self.trainer
        weights = trainer.model.count_params()
        what = "Starting" if self.saved_step is None else "Going on"
        self.progress.say(
            f"{what} at step {trainer.step:,} of {self.config.train.steps:,}: "
            f"{self.config.model.name} with {weights:,} weights on "
            f"{self.config.data.name}, {trainer.strategy.num_replicas_in_sync} "
            f"replica(s), in {self.workdir}"
        )
        for name, (before, now) in self.changes.items():
            self.progress.say(f"From here on config.{name} is {now}; it was {before}.")
        warning = capacity.warning(
            trainer.model, self.config.data.episode_length, "--config.model.memory_size"
        )
        if warning:
            self.progress.say(warning)

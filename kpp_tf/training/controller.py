"""The controller: takes a run from its last checkpoint to its end."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from kpp_tf import files
from kpp_tf.data import ImageTable, evaluation_episodes, partition
from kpp_tf.errors import UserError
from kpp_tf.models.kanerva_plus_plus import capacity
from kpp_tf.training import strategies, workdirs
from kpp_tf.training.checkpoints import Checkpointer
from kpp_tf.training.progress import Clock, Progress
from kpp_tf.training.run_log import COLUMNS, MetricsFile, RunLog
from kpp_tf.training.stopping import Stopped, StopSignals
from kpp_tf.training.summaries import Summaries
from kpp_tf.training.train_step import METRICS
from kpp_tf.training.trainer import Trainer

# What TensorFlow raises where a peer went away in the middle of a sum over workers.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)


class Diverged(RuntimeError):
    """A term of the objective or the gradient is no finite number."""


class WorkerLost(RuntimeError):
    """Another worker went away; the run cannot go on without it."""


class Unwritten(UserError):
    """The run ended because a file could not be written, as on a full disk."""


@dataclasses.dataclass
class Options:
    """What a run may be asked for beside its config.

    Attributes:
      rollbacks: how often to go back to the last checkpoint after divergence and pass
        over the batches since then; 0 stops instead.
      profile_at: the first loop from this step on is profiled for TensorBoard; 0: none.
      summaries: whether to write TensorBoard files.
    """

    rollbacks: int = 0
    profile_at: int = 0
    summaries: bool = True


class Controller:
    """Trains, saves, logs, evaluates; resumes from the workdir's newest checkpoint.

    Args:
      trainer: the trainer.
      workdir: the run's folder, of `workdirs.opened`.
      test: the split that is evaluated at the end, and shown in TensorBoard.
      validation: the split that chooses the best checkpoint, or None.
      options: see `Options`.

    Raises:
      ArchitectureError: if its checkpoint is of another architecture.
      DamagedError: if all its checkpoints are damaged.
      UserError: if the run could not be evaluated at its end.
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
          Diverged: when a term is no finite number and no roll-back is left.
          Unwritten: when a file could not be written.
          WorkerLost: when another worker went away.
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

    def _loop(self, steps):
        trainer, train = self.trainer, self.config.train
        pending: list[np.ndarray] = []
        clock = Clock(trainer.images_per_step, trainer.step)
        while trainer.step < steps:
            count = self._steps_to_next_event()
            rows, stop = self._profiled(trainer.train, count)
            if not np.isfinite(rows).all() and self._diverged(rows):
                pending, clock = [], Clock(trainer.images_per_step, trainer.step)
                continue
            step = trainer.step
            clock.start_after_first_call(step)
            pending.append(rows)
            self.progress.update(step)
            if self._due(train.log_every):
                self._log(step, np.concatenate(pending), clock.images_per_second(step))
                pending = []
                clock.restart(step)
            with clock.paused():
                if self.log.summaries and train.summary_every:
                    if self._due(train.summary_every):
                        with self._writing(f"The pictures of step {step}"):
                            self.log.summaries.pictures(step)
                if stop or self._due(train.checkpoint_every):
                    self._save(validate=not stop)
            if stop:
                message = f"Stopped after step {step}, which is saved."
                raise Stopped(message, self._signals.number)

    def _due(self, every):
        """Whether to do now what is done every so many steps and at the end."""
        step = self.trainer.step
        return step == self.config.train.steps or (every > 0 and step % every == 0)

    def _steps_to_next_event(self):
        train, step = self.config.train, self.trainer.step
        events = (
            train.steps_per_loop,
            train.log_every,
            train.checkpoint_every,
            train.summary_every,
        )
        steps = [every - step % every for every in events if every]
        return min(train.steps - step, *steps)

    def _profiled(self, train: Callable, count: int):
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

    def _open_log(self):
        self.log = RunLog(self.progress, int(np.prod(self.config.data.image_shape)))
        if not self.chief:
            return
        step = self.trainer.step
        self.log.metrics = MetricsFile(self.workdir, COLUMNS, step)
        if self.options.summaries:
            episodes = evaluation_episodes(
                self.test, self.config.data, episodes_per_batch=4, seed=0
            )
            self.log.summaries = Summaries(
                self.workdir, self.config, self.trainer.model, next(iter(episodes))
            )

    def _log(self, step, rows, images_per_second):
        self._images_per_second = images_per_second or self._images_per_second
        with self._writing(f"The metrics of step {step}"):
            self.log.write(step, rows, images_per_second)

    def _save(self, validate):
        trainer = self.trainer
        step, skipped = trainer.step, trainer.skipped
        results = self._speed()
        if self.validation is not None and validate:
            results.update(trainer.evaluate(self.validation))
            self.progress.say(
                f"step {step:,}: bound {results['bound']:.2f} nats/image on "
                f"{self.validation.split}"
            )
            if self.log.summaries:
                with self._writing(f"The validation of step {step}"):
                    scalars = {"validation/bound": results["bound"]}
                    self.log.summaries.scalars(step, scalars)
        if self.chief:
            with self._writing(f"The checkpoint of step {step}"):
                self._write_config()
                self.checkpoints.save(step, skipped, results)
                if results.get("bound", np.inf) < self.best_bound:
                    self.checkpoints.save_best(step, skipped, results)
        self.best_bound = min(self.best_bound, results.get("bound", np.inf))
        self.saved_step = step

    def _write_config(self):
        if self.chief and not self._config_written:
            workdirs.write_config(self.workdir, self.config, self.saved_step or 0)
            self._config_written = True

    @contextlib.contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        try:
            yield
        except (OSError, tf.errors.OpError) as error:
            whole = f"Nothing is saved in {self.workdir}"
            if self.saved_step is not None:
                whole = f"Whole in {self.workdir} is all up to step {self.saved_step}"
            raise Unwritten(
                f"{what} could not be written: {_reason(error)}. {whole}; put that "
                "right, and the same command goes on from there."
            ) from error

    def _diverged(self, rows) -> bool:
        """Rolls back and returns True; or returns False if it is not divergence."""
        trainer = self.trainer
        finite = np.isfinite(rows)
        if self.config.train.precision == "mixed_float16":
            # Loss scaling finds its scale by such gradients, and skips their steps.
            finite[:, METRICS.index("gradient_norm")] = True
        if finite.all():
            return False
        row = int(np.argmin(finite.all(axis=1)))
        # The sum of the others says nothing by itself.
        bad = [n for n, ok in zip(METRICS, finite[row], strict=True) if not ok]
        terms = [name for name in bad if name != "loss"] or bad
        step = trainer.step - len(rows) + row
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
        return True

    def _lost_message(self, error):
        last = "none" if self.saved_step is None else f"step {self.saved_step}"
        reason = str(error).strip().partition("\n")[0]
        return (
            "Another worker went away, and a sum over the workers cannot be completed. "
            f"Start all workers again to go on; last checkpoint: {last}. ({reason})"
        )

    def _speed(self):
        seconds = self._seconds_before + time.monotonic() - self._began
        return {"seconds": seconds, "images_per_second": self._images_per_second}

    def _say_start(self):
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
            self.progress.say(f"From here on config.{name} is {now}, before {before}.")
        warning = capacity.warning(
            trainer.model, self.config.data.episode_length, "--config.model.memory_size"
        )
        if warning:
            self.progress.say(warning)


def _reason(error: OSError | tf.errors.OpError) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    # "{{node}} FILE; REASON [Op:NAME]", and perhaps more lines.
    line = error.message.partition("\n")[0].partition(" [Op:")[0]
    return line.rpartition(";")[2].strip()

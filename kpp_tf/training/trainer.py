"""The trainer: one call of the training loop, one of the evaluation."""

import contextlib
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf
from ml_collections import ConfigDict

from kpp_tf import validation
from kpp_tf.data import (
    Episodes,
    ImageTable,
    evaluation_episodes,
    training_episodes,
)
from kpp_tf.errors import UserError
from kpp_tf.evaluation import bounds
from kpp_tf.models import MemoryModel, build_model
from kpp_tf.training.architecture import check_same_architecture, weight_names
from kpp_tf.training.devices import precision, strategies
from kpp_tf.training.devices.replicated_model import ReplicatedModel
from kpp_tf.training.optimizers import make_optimizer
from kpp_tf.training.train_step import METRICS, make_train_step
from kpp_tf.training.weight_average import WeightAverage


class Trainer:
    """Model, optimiser and data of a run, and the compiled training loop.

    Args:
      config: the run's config.
      table: the training split.
      strategy: of `make_strategy`; None for one device.

    Raises:
      UserError: if a config field is outside its range, or the replicas cannot share
        a batch evenly.

    Attributes:
      model, optimizer, average: what is trained (`average` is None without EMA).
      step: steps made; step + skipped is the position in the data.
      skipped: batches passed over.
    """

    def __init__(
        self,
        config: ConfigDict,
        table: ImageTable,
        strategy: tf.distribute.Strategy | None = None,
    ):
        self.config = config
        self.table = table
        self.strategy = strategy or tf.distribute.get_strategy()
        self.step, self.skipped = 0, 0
        train = config.train
        validation.check(config)
        self._check_batches()
        with self.strategy.scope():
            with precision.policy(train.precision):
                self.model = build_model(config)
            self.optimizer = make_optimizer(train, self.model.trainable_variables)
            self.average = None
            if train.ema_decay:
                self.average = WeightAverage(self.model.weights, train.ema_decay)
        self.replica_step = make_train_step(
            self.model,
            self.optimizer,
            train,
            self.average,
            self.strategy.num_replicas_in_sync,
        )
        self._train_loop = tf.function(self._make_train_loop())
        self._replicated = ReplicatedModel(self.model, self.strategy)
        self._iterator = None

    def _check_batches(self) -> None:
        replicas = self.strategy.num_replicas_in_sync
        parts = self.config.train.accumulate
        if self.config.data.episode_lengths and replicas * parts > 1:
            raise UserError(
                "config.data.episode_lengths takes one replica and "
                "config.train.accumulate=1: the number of episodes changes with each "
                f"step. Received: {replicas} replicas, accumulate={parts}"
            )
        for name, share in (("data", replicas * parts), ("eval", replicas)):
            batch = self.config[name].episodes_per_batch
            if batch % share:
                times = f" times config.train.accumulate={parts}" * (name == "data")
                raise UserError(
                    f"config.{name}.episodes_per_batch must be a multiple of the "
                    f"number of replicas{times}. Received: {batch} for {replicas} "
                    "replicas"
                )

    @property
    def images_per_step(self) -> int:
        """Images of the global batch."""
        data = self.config.data
        return data.episodes_per_batch * data.episode_length

    def start_from(self, model: MemoryModel) -> None:
        """Takes another model's weights, for the first step and for the average.

        Args:
          model: of the same architecture (see `check_same_architecture`). No weight
            depends on the episode length or K++'s memory size, so these may differ.

        Raises:
          ArchitectureError: if another difference exists; the message names it.
        """
        check_same_architecture(model, self.model)
        ours = weight_names(self.model)
        for name, weight in weight_names(model).items():
            ours[name].assign(weight)
        if self.average:
            self.average.restart()

    def move_to(self, step: int, skipped: int = 0) -> None:
        """Sets the step, and the data to its batch."""
        self.step, self.skipped = step, skipped
        data = self.config.data

        def shard_of(shard: int, num_shards: int) -> tf.data.Dataset:
            return training_episodes(
                self.table,
                data,
                seed=self.config.seed,
                first_step=step + skipped,
                shard=shard,
                num_shards=num_shards,
            )

        self._iterator = iter(
            strategies.distribute_episodes(
                self.strategy, shard_of, data.episodes_per_batch
            )
        )

    def train(self, num_steps: int, stop: bool = False) -> tuple[np.ndarray, bool]:
        """Makes `num_steps` steps.

        Args:
          num_steps: at least 1; the steps run inside one `tf.function`.
          stop: whether this process was asked to stop.

        Returns:
          (metrics, stop): float32 [num_steps, len(METRICS)], and whether any process
          was asked to stop; the same in each process.

        Raises:
          UserError: if the workers were not at the same step.
        """
        if self._iterator is None:
            self.move_to(self.step, self.skipped)
        rows, votes = self._train_loop(
            self._iterator,
            tf.constant(self.step, tf.int64),
            tf.constant(num_steps),
            tf.constant([float(stop), float(self.step)]),
        )
        rows = rows.numpy()
        stops, mean_step = votes.numpy()
        if mean_step != self.step:
            raise UserError(
                "The workers are not at the same step: all must see the checkpoints "
                "of one --workdir, on a shared file system. Received: step "
                f"{self.step} here, {mean_step} on average"
            )
        self.step += len(rows)
        return rows, bool(stops > 0)

    def _make_train_loop(self) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
        strategy, replica_step = self.strategy, self.replica_step
        many_workers = strategies.num_workers(strategy) > 1

        def local(per_replica: tf.Tensor) -> tf.Tensor:
            return strategy.experimental_local_results(per_replica)[0]

        def count(votes: tf.Tensor) -> tf.Tensor:
            # A copy: the argument lies on no replica's device.
            votes = tf.identity(votes)
            return tf.distribute.get_replica_context().all_reduce("MEAN", votes)

        def train_loop(
            iterator: Iterator[Episodes],
            first_step: tf.Tensor,
            num_steps: tf.Tensor,
            votes: tf.Tensor,
        ) -> tuple[tf.Tensor, tf.Tensor]:
            rows = tf.TensorArray(
                tf.float32, size=num_steps, element_shape=[len(METRICS)]
            )
            for i in tf.range(num_steps):
                episodes = next(iterator)
                row = strategy.run(
                    replica_step,
                    args=(
                        episodes.images,
                        episodes.mask,
                        episodes.seeds,
                        first_step + tf.cast(i, tf.int64),
                    ),
                )
                rows = rows.write(i, local(row))
            if many_workers:
                votes = local(strategy.run(count, args=(votes,)))
            return rows.stack(), votes

        return train_loop

    def evaluate(self, table: ImageTable) -> dict[str, float]:
        """The bound of a split and its terms, by the averaged weights if there are any.

        All replicas take part. See `kpp_tf.evaluation.bounds.evaluate`.
        """
        settings = self.config.eval
        episodes = evaluation_episodes(
            table,
            self.config.data,
            episodes_per_batch=settings.episodes_per_batch,
            seed=settings.seed,
        )
        with self.average.in_place() if self.average else contextlib.nullcontext():
            return bounds.evaluate(self._replicated, episodes)

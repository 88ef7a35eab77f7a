"""A model whose batches are scored by all replicas of a strategy."""

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from kpp_tf.errors import UserError
from kpp_tf.models import Elbo, Memory, MemoryModel


class ReplicatedModel:
    """Stands in for a model in `kpp_tf.evaluation.bounds`.

    Every process passes the whole batch, each replica scores its rows, and every
    process gets all results. An episode's result does not depend on the replica.

    Args:
      model: created in the strategy's scope.
      strategy: of `make_strategy`.
    """

    def __init__(self, model: MemoryModel, strategy: tf.distribute.Strategy):
        self.model = model
        self.strategy = strategy
        self.image_shape = model.image_shape
        self.likelihood_name = model.likelihood_name

    def elbo(self, *batch: Any, analytic: bool = True, **named: Any) -> Elbo:
        """`MemoryModel.elbo` of the whole batch."""
        score = functools.partial(self.model.elbo, analytic=analytic)
        return self._by_rows(score, batch, named)

    def write(self, *batch: Any, **named: Any) -> Memory:
        """`MemoryModel.write` of the whole batch."""
        return self._by_rows(self.model.write, batch, named)

    def _by_rows(
        self, function: Callable[..., Any], batch: tuple, named: dict[str, Any]
    ) -> Any:
        replicas = self.strategy.num_replicas_in_sync
        if replicas == 1:
            return function(*batch, **named)
        rows, rest = divmod(batch[0].shape[0], replicas)
        if rest:
            raise UserError(
                "config.eval.episodes_per_batch must be a multiple of the number of "
                f"replicas. Received: a batch of {batch[0].shape[0]} episodes for "
                f"{replicas} replicas"
            )

        def part() -> Any:
            replica = tf.distribute.get_replica_context()
            first = replica.replica_id_in_sync_group * rows
            own = tf.nest.map_structure(
                lambda tensor: None if tensor is None else tensor[first : first + rows],
                (batch, named),
            )
            results = function(*own[0], **own[1])
            return tf.nest.map_structure(lambda t: replica.all_gather(t, 0), results)

        per_replica = self.strategy.run(part)
        return tf.nest.map_structure(
            lambda results: self.strategy.experimental_local_results(results)[0],
            per_replica,
        )

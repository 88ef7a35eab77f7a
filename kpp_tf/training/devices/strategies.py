"""Distribution strategies by name, and how replicas share a global batch."""

import os
from collections.abc import Callable

import tensorflow as tf

from kpp_tf.data import Episodes
from kpp_tf.errors import UserError
from kpp_tf.training.devices import cluster
from kpp_tf.validation import STRATEGIES


def make_strategy(
    name: str = "one", num_cpus: int = 0, tpu: str = ""
) -> tf.distribute.Strategy:
    """Creates a strategy. Call this before TensorFlow does anything else.

    Args:
      name: "one": one device (the first GPU if there is one); "mirrored": all GPUs of
        this machine, or `num_cpus` logical CPU devices; "multi_worker": the processes
        that the environment variable TF_CONFIG names; "tpu".
      num_cpus: logical CPU devices for "mirrored"; 0 takes the GPUs.
      tpu: name or address of the TPU; "" finds the local one.

    Returns:
      The strategy; for "one" TensorFlow's default strategy.

    Raises:
      UserError: if the machine or the environment lacks what the strategy needs, or
        the strategy would not use the workers of TF_CONFIG.
    """
    if name not in STRATEGIES:
        raise UserError(f"--strategy must be one of {STRATEGIES}. Received: {name!r}")
    if num_cpus and name != "mirrored":
        raise UserError(
            f"--num_cpus goes with --strategy=mirrored. Received: --strategy={name}"
        )
    if name == "tpu":
        try:
            resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=tpu)
        except ValueError as error:
            raise UserError(
                f"--strategy=tpu found no TPU: {error} Received: --tpu={tpu!r}"
            ) from error
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    workers = cluster.read()
    if name == "multi_worker":
        return _multi_worker(workers)
    if workers and workers.trainers > 1 and workers.role != "evaluator":
        raise UserError(
            f"TF_CONFIG names {workers.trainers} processes that train together, and "
            f"each of them would do everything: give --strategy=multi_worker, or unset "
            f"TF_CONFIG. Received: --strategy={name}"
        )
    return tf.distribute.get_strategy() if name == "one" else _mirrored(num_cpus)


def _mirrored(num_cpus: int) -> tf.distribute.Strategy:
    if not num_cpus:
        gpus = tf.config.list_logical_devices("GPU")
        if not gpus:
            raise UserError(
                "--strategy=mirrored found no GPU; --num_cpus=N makes N logical CPU "
                "devices instead. Received: --num_cpus=0"
            )
        return tf.distribute.MirroredStrategy([gpu.name for gpu in gpus])
    cpu = tf.config.list_physical_devices("CPU")[0]
    logical = [tf.config.LogicalDeviceConfiguration()] * num_cpus
    tf.config.set_logical_device_configuration(cpu, logical)
    return tf.distribute.MirroredStrategy([f"CPU:{k}" for k in range(num_cpus)])


def _multi_worker(workers: cluster.Cluster | None) -> tf.distribute.Strategy:
    if workers is None:
        raise UserError(
            "--strategy=multi_worker reads the workers from the environment variable "
            f"TF_CONFIG, such as {cluster.EXAMPLE}; tools/launch_workers.py sets it "
            "for workers on this machine. Received: no TF_CONFIG"
        )
    if workers.role == "evaluator":
        raise UserError(
            "An evaluator does not train: start tools/evaluate.py --watch with "
            "--strategy=one there. Received: TF_CONFIG: task.type='evaluator' with "
            "--strategy=multi_worker"
        )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.UnknownError as error:
        own = workers.addresses[workers.role][workers.index]
        raise UserError(
            f"This process cannot listen at its address in TF_CONFIG: {error.message}. "
            "Another program may use the port, or the address is another machine's. "
            f"Received: cluster.{workers.role}[{workers.index}]={own!r}"
        ) from error


def _addresses(strategy: tf.distribute.Strategy) -> dict[str, list[str]]:
    """Addresses by task type; empty with one process."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return {}
    return strategy.cluster_resolver.cluster_spec().as_dict()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes the run's files: the chief, else worker 0."""
    addresses = _addresses(strategy)
    if not addresses:
        return True
    resolver = strategy.cluster_resolver
    first = "chief" if "chief" in addresses else "worker"
    return resolver.task_type == first and resolver.task_id == 0


def num_workers(strategy: tf.distribute.Strategy) -> int:
    """Processes that train together."""
    addresses = _addresses(strategy)
    return max(1, sum(len(addresses.get(kind, [])) for kind in ("chief", "worker")))


def wait_for_all(strategy: tf.distribute.Strategy) -> None:
    """Waits until every worker is here: none leaves while another still works."""
    if num_workers(strategy) == 1:
        return

    def meet() -> tf.Tensor:
        return tf.distribute.get_replica_context().all_reduce("SUM", tf.ones([]))

    strategy.experimental_local_results(tf.function(strategy.run)(meet))[0].numpy()


def device_name(strategy: tf.distribute.Strategy) -> str:
    """The devices of a run, such as "2 x NVIDIA H200" or "1 x CPU, 8 cores"."""
    replicas = strategy.num_replicas_in_sync
    gpus = tf.config.list_physical_devices("GPU")
    if isinstance(strategy, tf.distribute.TPUStrategy):
        return f"{replicas} x TPU core"
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        return f"{replicas} x {details.get('device_name', 'GPU')}"
    return f"{replicas} x CPU, {os.cpu_count()} cores"


def distribute_episodes(
    strategy: tf.distribute.Strategy,
    shard_of: Callable[[int, int], tf.data.Dataset],
    episodes_per_batch: int,
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """Splits a global batch over the replicas, in order.

    Replica r of n gets rows r B/n to (r + 1) B/n, on whichever machine it is: results
    of an episode do not depend on the number of replicas.

    Args:
      strategy: the strategy.
      shard_of: function of (shard, num_shards) to a dataset of `Episodes`: a worker's
        part of every global batch.
      episodes_per_batch: B, the global batch, a multiple of the number of replicas.

    Returns:
      A dataset of `Episodes`; under a strategy its elements are per replica.
    """
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return shard_of(0, 1)

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        workers = context.num_input_pipelines
        dataset = shard_of(context.input_pipeline_id, workers)
        local = replicas // workers
        if local == 1:
            return dataset

        rows = episodes_per_batch // replicas

        def by_replica(episodes: Episodes) -> Episodes:
            return tf.nest.map_structure(
                lambda part: tf.reshape(part, [local, rows, *part.shape[1:]]), episodes
            )

        return dataset.map(by_replica).unbatch().prefetch(local)

    return strategy.distribute_datasets_from_function(of_worker)

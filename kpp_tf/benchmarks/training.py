"""Speed of the training step, its loop, its input, and of memories alone."""

import functools
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ml_collections import ConfigDict

from kpp_tf import noise
from kpp_tf.benchmarks.speed import count_flops, matmul_rate, seconds_per_call
from kpp_tf.data import ImageTable, training_episodes
from kpp_tf.layers.block_memory.reader import WindowReader, normal_quantile
from kpp_tf.layers.block_memory.writer import BlockWriter
from kpp_tf.models import build_model
from kpp_tf.models.baselines.dynamic_kanerva_machine import DynamicKanervaMemory
from kpp_tf.models.kanerva_plus_plus.windows import Windows
from kpp_tf.training.devices import precision
from kpp_tf.training.optimizers import make_optimizer
from kpp_tf.training.train_step import make_train_step
from kpp_tf.training.trainer import Trainer


def model_speed(config: ConfigDict, rounds: int = 5) -> dict:
    """Images/s of the training step, of writing, reading and generating.

    Args:
      config: the run's config; random images stand for its data.
      rounds: that the median is taken over.

    Returns:
      By call: images/s, GFLOP/s, and its share of this machine's matrix products in the
      precision that the config computes in (`matmul_dtype`, `matmul_gflops`).
    """
    with precision.policy(config.train.precision):
        model = build_model(config)
    dtype = keras.DTypePolicy(config.train.precision).compute_dtype
    batch, length = config.data.episodes_per_batch, config.data.episode_length
    images = _random_images(config)
    seeds = noise.row_seeds([0, config.seed], batch)
    optimizer = make_optimizer(config.train, model.trainable_variables)
    mask, step = tf.ones([batch, length]), tf.constant(1, tf.int64)
    train_step = tf.function(make_train_step(model, optimizer, config.train))
    memory = model.write(images)
    calls = {
        "training_step": (train_step, (images, mask, seeds, step)),
        "write": (tf.function(model.write), (images,)),
        "read": (tf.function(model.reconstruct), (memory, images, seeds)),
        "generate": (
            tf.function(lambda m, s: model.generate(m, length, s)),
            (memory, seeds),
        ),
    }
    ceiling = matmul_rate(dtype)
    results: dict[str, Any] = {
        "matmul_dtype": dtype,
        "matmul_gflops": ceiling,
        "parameters": model.count_params(),
    }
    for name, (function, arguments) in calls.items():
        concrete = function.get_concrete_function(*arguments)
        seconds = seconds_per_call(
            functools.partial(function, *arguments), rounds=rounds
        )
        rate = count_flops(concrete) / seconds / 1e9
        results[name] = {
            "images_per_second": batch * length / seconds,
            "gflops": rate,
            "share_of_matmul": rate / ceiling,
        }
    return results


def loop_overhead(config: ConfigDict, table: ImageTable, rounds: int = 5) -> dict:
    """Time of a step in the training loop, with its input, over the step alone.

    Rounds of both alternate, so that a drift of the machine affects both.

    Args:
      config: the run's config.
      table: the training split.
      rounds: that the median of the ratios is taken over.
    """
    trainer = Trainer(config, table)
    steps = config.train.steps_per_loop
    episodes = next(iter(training_episodes(table, config.data, seed=config.seed)))
    arguments = (episodes.images, episodes.mask, episodes.seeds)
    step = tf.constant(1, tf.int64)
    alone = tf.function(trainer.replica_step)

    def time_alone() -> float:
        started = time.perf_counter()
        for _ in range(steps):
            result = alone(*arguments, step)
        result.numpy()
        return time.perf_counter() - started

    def time_loop() -> float:
        started = time.perf_counter()
        trainer.train(steps)
        return time.perf_counter() - started

    pairs = [(time_alone(), time_loop()) for _ in range(rounds + 1)][1:]
    ratios = [in_loop / by_itself for by_itself, in_loop in pairs]
    return {
        "step_ms": 1e3 * float(np.median([a for a, _ in pairs])) / steps,
        "loop_ms": 1e3 * float(np.median([b for _, b in pairs])) / steps,
        "overhead_percent": 100 * (float(np.median(ratios)) - 1),
        "steps_per_round": steps,
        "rounds": rounds,
    }


def pipeline_speed(config: ConfigDict, table: ImageTable, rounds: int = 5) -> dict:
    """Images/s of the input pipeline alone, and their ratio to the training step's."""
    data = config.data
    batches = iter(training_episodes(table, data, seed=config.seed))
    per_batch = data.episodes_per_batch * data.episode_length
    seconds = seconds_per_call(lambda: next(batches).images[0, 0, 0, 0], 50, rounds)
    step = model_speed(config, rounds)["training_step"]["images_per_second"]
    return {
        "data": data.name,
        "pipeline_images_per_second": per_batch / seconds,
        "training_images_per_second": step,
        "ratio": per_batch / seconds / step,
    }


def memory_speed(rounds: int = 5) -> dict:
    """Milliseconds to write 32 episodes of 32 codes of 100 and read them, and back.

    Args:
      rounds: that the median is taken over.

    Returns:
      By memory of 3,200 floats an episode (K++: 3,168): ms, forward and backward.
    """
    codes = tf.random.stateless_normal([32, 32, 100], [0, 1])
    kanerva = DynamicKanervaMemory(
        32, 100, write_passes=2, noise_scale=1.0, prior_scale=1.0, weight_scale=0.3
    )
    reader = WindowReader(6, block_size=1, finest=1 / 6, low=0.46, high=0.53)
    writer = BlockWriter(reader, 87, blocks_per_frame=1, allocation="content")
    windows = Windows(reader, blocks_per_frame=1, tails=False)
    cells, coverage = tf.zeros([32, 6, 6, 87]), tf.zeros([32, 6, 6])

    @tf.function
    def dkm() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(codes)
            memory = kanerva(codes)
            read = kanerva.read(memory.mean, codes)
            loss = tf.reduce_sum(read**2) + tf.reduce_sum(kanerva.kl_memory(memory))
        # Reading at the mean weights has no gradient to their standard deviation.
        weights = [codes, *(weight.value for weight in kanerva.trainable_variables)]
        return tape.gradient(loss, weights, unconnected_gradients="zero")

    @tf.function
    def blocks() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(codes)
            maps = codes[:, :, tf.newaxis, tf.newaxis]
            writing = writer(maps, tf.ones([32, 32]), tf.ones([32, 36]))
            keys = normal_quantile(windows.recall(writing.blocks).centre)
            read, _ = reader(*writer.store(writing, cells, coverage), keys)
            loss = tf.reduce_sum(read**2)
        # Places learn from another loss and have no gradient here.
        weights = [codes, *(weight.value for weight in writer.trainable_variables)]
        return tape.gradient(loss, weights, unconnected_gradients="zero")

    return {
        "kanerva_plus_plus_ms": 1e3 * seconds_per_call(blocks, rounds=rounds),
        "dynamic_kanerva_machine_ms": 1e3 * seconds_per_call(dkm, rounds=rounds),
    }


def _random_images(config: ConfigDict) -> tf.Tensor:
    data = config.data
    shape = (data.episodes_per_batch, data.episode_length, *data.image_shape)
    drawn = tf.random.stateless_uniform(shape, [0, 1])
    return tf.cast(drawn > 0.8, tf.float32)

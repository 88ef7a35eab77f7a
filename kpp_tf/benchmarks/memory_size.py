"""The cost of an image in a large memory against a small one."""

import functools
import multiprocessing
import resource
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import tensorflow as tf
from ml_collections import ConfigDict

from kpp_tf.benchmarks.speed import seconds_per_call
from kpp_tf.models import build_model
from kpp_tf.training.devices import precision

# S and T.
SIZES = ((6, 32), (36, 1024))


def memory_size_speed(
    config: ConfigDict,
    sizes: Sequence[tuple[int, int]] = SIZES,
    images: int = 1024,
    rounds: int = 5,
) -> dict:
    """Microseconds an image to write and to read, by the size of the memory.

    The same number of images at once, in many small memories or few large ones. Each
    size runs in its own process, whose peak memory is reported.

    Args:
      config: of K++; its memory's size and T are those of `sizes` in turn.
      sizes: pairs of S, cells along a side of the memory, and T, images in it.
      images: written and read at once, a multiple of every T.
      rounds: that the median is taken over.

    Returns:
      `sizes`: for each `memory_size`, `episode_length`, `memories`, `write_us`,
      `write_next_us` (one more image into each memory), `read_us`, `peak_mb`;
      `write_ratio`, `read_ratio`: the last size's over the first's.
    """
    rows = []
    for memory_size, length in sizes:
        job = functools.partial(_measure, config.to_dict(), memory_size, length)
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            rows.append(pool.submit(job, images // length, rounds).result())
    return {
        "sizes": rows,
        "write_ratio": rows[-1]["write_us"] / rows[0]["write_us"],
        "read_ratio": rows[-1]["read_us"] / rows[0]["read_us"],
    }


def _measure(
    fields: dict, memory_size: int, length: int, memories: int, rounds: int
) -> dict:
    config = ConfigDict(fields)
    config.model.memory_size = memory_size
    config.data.episode_length = length
    with precision.policy(config.train.precision):
        model = build_model(config)
    ink = np.random.default_rng(0).random((memories, length, *model.image_shape))
    images = tf.constant(ink > 0.8, tf.float32)
    write, read = tf.function(model.write), tf.function(model.reconstruct)
    write_next = tf.function(model.write_next)
    memory, empty = write(images), model.empty_memory(memories)
    seeds = tf.zeros([memories, 2], tf.int32)

    def micros(function: Callable[[], tf.Tensor], count: int) -> float:
        seconds = seconds_per_call(function, repeats=3, rounds=rounds)
        return 1e6 * seconds / (memories * count)

    row = {
        "memory_size": memory_size,
        "episode_length": length,
        "memories": memories,
        "write_us": micros(lambda: write(images), length),
        "write_next_us": micros(lambda: write_next(empty, images[:, 0]), 1),
        "read_us": micros(lambda: read(memory, images, seeds), length),
    }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    row["peak_mb"] = peak / (2**20 if sys.platform == "darwin" else 2**10)
    return row

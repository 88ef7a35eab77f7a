"""How fast, and how near to what the machine can do. Nothing here is a test."""

import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from kpp_tf.models import KanervaPlusPlus


def seconds_per_call(
    function: Callable[[], tf.Tensor], repeats: int = 10, rounds: int = 5
) -> float:
    """Median over rounds of the mean wall time of a call, after two warm-up calls.

    Args:
      function: whose result is waited for once a round.
      repeats: calls a round.
      rounds: number of rounds.
    """
    for _ in range(2):
        _wait(function())
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        for _ in range(repeats):
            result = function()
        _wait(result)
        times.append((time.perf_counter() - started) / repeats)
    return float(np.median(times))


def matmul_rate(size: int = 1024) -> float:
    """GFLOP/s of float32 matrix products of this machine: the ceiling to compare with.

    A product of n x n matrices counts 2 n^3 operations.
    """
    a = tf.random.stateless_normal([size, size], [0, 1])
    product = tf.function(lambda: tf.matmul(a, a))
    return 2 * size**3 / seconds_per_call(product) / 1e9


def count_flops(function: tf.types.experimental.ConcreteFunction) -> int:
    """Floating point operations of one call, a multiply-add counting two.

    Counts matrix products and convolutions with their gradients and element-wise
    operations, as TensorFlow's profiler knows them, in a graph of static shapes; the
    bodies of loops and conditionals are left out.
    """
    builder = tf.compat.v1.profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_empty_output().build()
    profile = tf.compat.v1.profiler.profile(graph=function.graph, options=options)
    return int(profile.total_float_ops)


def flops_per_image(model: KanervaPlusPlus) -> dict[str, float]:
    """Floating point operations an image of writing and of generating, from a model.

    A multiply-add counts two; the drawing of noise is left out.
    """
    length, blocks = model.episode_length, model.blocks_per_frame
    memory = tf.nest.map_structure(tf.TensorSpec.from_tensor, model.empty_memory(1))
    write = tf.function(model.write).get_concrete_function(
        tf.TensorSpec([1, length, *model.image_shape])
    )
    generate = tf.function(model.generate_from_keys).get_concrete_function(
        memory, tf.TensorSpec([1, length, blocks, 3])
    )
    return {
        "write": count_flops(write) / length,
        "generate": count_flops(generate) / length,
    }


def _wait(result):
    for tensor in tf.nest.flatten(result):
        tensor.numpy()

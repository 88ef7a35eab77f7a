"""Speed, in absolute terms and against the machine's matrix products."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from kpp_tf.models import KanervaPlusPlus


def seconds_per_call(
    function: Callable[[], tf.Tensor], repeats: int = 10, rounds: int = 5
) -> float:
    """Median over rounds of the mean wall time of a call, after two warm-up calls.

    Args:
      function: to be called; its result is awaited once a round.
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


def matmul_rate(dtype: str = "float32", size: int = 1024) -> float:
    """GFLOP/s of this machine's matrix products, the ceiling of a model's speed.

    Args:
      dtype: of the matrices: the one that the model computes in.
      size: n of n x n matrices, whose product counts 2 n^3 operations.
    """
    a = tf.cast(tf.random.stateless_normal([size, size], [0, 1]), dtype)
    product = tf.function(lambda: tf.matmul(a, a))
    return 2 * size**3 / seconds_per_call(product) / 1e9


def count_flops(function: tf.types.experimental.ConcreteFunction) -> int:
    """Floating point operations of one call, a multiply-add counting two.

    TensorFlow's profiler counts matrix products, convolutions with their gradients and
    element-wise operations, in a graph of static shapes, without the bodies of loops
    and conditionals.
    """
    builder = tf.compat.v1.profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_empty_output().build()
    profile = tf.compat.v1.profiler.profile(graph=function.graph, options=options)
    return int(profile.total_float_ops)


def flops_per_image(model: KanervaPlusPlus) -> dict[str, float]:
    """Floating point operations an image of writing and of generating.

    A multiply-add counts two; drawing noise is left out.
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


def _wait(result: Any) -> None:
    for tensor in tf.nest.flatten(result):
        tensor.numpy()

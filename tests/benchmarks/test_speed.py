"""The parts of the benchmarks; no test here looks at how long anything takes."""

import keras
import pytest
import tensorflow as tf

from kpp_tf.benchmarks import speed
from kpp_tf.benchmarks import training as benchmarks
from kpp_tf.benchmarks.memory_size import memory_size_speed
from tests.serving.tiny_models import tiny_model
from tests.training import tiny


def test_a_function_is_warmed_up_and_called_in_rounds():
    calls = []

    def function():
        calls.append(1)
        return tf.constant(0)

    assert speed.seconds_per_call(function, repeats=3, rounds=2) > 0
    assert len(calls) == 2 + 3 * 2


def test_flops_of_a_product_and_a_convolution():
    product = tf.function(tf.matmul).get_concrete_function(
        tf.TensorSpec([3, 5]), tf.TensorSpec([5, 7])
    )
    assert speed.count_flops(product) == 2 * 3 * 5 * 7
    convolution = tf.function(
        lambda x, k: tf.nn.conv2d(x, k, 1, "SAME")
    ).get_concrete_function(tf.TensorSpec([2, 4, 4, 3]), tf.TensorSpec([3, 3, 3, 6]))
    assert speed.count_flops(convolution) == 2 * (2 * 4 * 4 * 6) * (3 * 3 * 3)


def test_flops_of_generating_count_the_decoders_products():
    """Against the products of the tiny decoder, counted by hand."""
    model = tiny_model()
    dense = 2 * 16 + 16 * 16 + 16 * 8 * 8  # latents; second; pixels
    # What was read and its three numbers; second; mean and deviation; the linear way.
    hidden = model.latent_prior.hidden
    prior = (8 + 3) * hidden + hidden * hidden + 2 * hidden * 2 + 8 * 2
    # The second of two groups of latents, given the first.
    chain = (2 + 2 * 2) * hidden + hidden * hidden + 2 * hidden * 2
    read = 4 * (8 + 1)
    products = 2 * (dense + prior + chain + read)
    flops = speed.flops_per_image(model)
    assert products <= flops["generate"] < 1.5 * products
    assert 0 < flops["write"] < float("inf")


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("float32", tf.float32), ("mixed_bfloat16", tf.bfloat16)],
)
def test_a_share_is_of_products_in_the_precision_that_runs(
    precision, dtype, monkeypatch
):
    multiplied, calls = [], []

    def seconds(function, *_, **__):
        product = function()
        if isinstance(product, tf.Tensor) and product.shape == (1024, 1024):
            multiplied.append(product.dtype)
        calls.append(1)
        return 0.5

    monkeypatch.setattr(speed, "seconds_per_call", seconds)
    monkeypatch.setattr(benchmarks, "seconds_per_call", seconds)
    before = keras.config.dtype_policy().name
    results = benchmarks.model_speed(tiny.config(precision=precision))
    assert multiplied == [dtype] and len(calls) == 5
    assert results["matmul_dtype"] == dtype.name
    assert results["matmul_gflops"] == 2 * 1024**3 / 0.5 / 1e9
    for call in ("training_step", "write"):
        share = results[call]["gflops"] / results["matmul_gflops"]
        assert results[call]["share_of_matmul"] == pytest.approx(share)
    assert keras.config.dtype_policy().name == before


@pytest.mark.slow
def test_every_benchmark_reports_its_ratios():
    config = tiny.config()
    step = benchmarks.model_speed(config, rounds=1)
    for call in ("training_step", "write", "read", "generate"):
        assert step[call]["images_per_second"] > 0
        assert step[call]["gflops"] > 0
    loop = benchmarks.loop_overhead(config, tiny.table(), rounds=1)
    assert loop["steps_per_round"] == config.train.steps_per_loop
    pipeline = benchmarks.pipeline_speed(config, tiny.table(), rounds=1)
    assert pipeline["ratio"] > 0
    memory = benchmarks.memory_speed(rounds=1)
    assert set(memory) == {"kanerva_plus_plus_ms", "dynamic_kanerva_machine_ms"}
    size = memory_size_speed(config, ((2, 4), (4, 8)), images=8, rounds=1)
    assert [row["memories"] for row in size["sizes"]] == [2, 1]
    small, large = size["sizes"]
    assert size["read_ratio"] == large["read_us"] / small["read_us"] > 0
    assert size["write_ratio"] == large["write_us"] / small["write_us"] > 0
    assert all(
        row["peak_mb"] > 100 and row["write_next_us"] > 0 for row in (small, large)
    )

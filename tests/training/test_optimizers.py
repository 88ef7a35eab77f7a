"""Whom optimisers let decay, and schedules against their formulas."""

import math

import keras
import numpy as np
import pytest

from kpp_tf.config import default
from kpp_tf.training import optimizers

RATE, DECAY, STEPS = 0.01, 0.1, 4


def _settings(name, **overrides):
    settings = default().train
    settings.optimizer = name
    settings.weight_decay = 0.0 if name == "adam" else DECAY
    settings.learning_rate = settings.final_learning_rate = RATE  # constant
    settings.warmup_steps = 0
    settings.update(overrides)
    return settings


@pytest.mark.parametrize(
    ("name", "kind", "decay"),
    [
        ("adam", keras.optimizers.Adam, 0.0),
        ("adamw", keras.optimizers.AdamW, DECAY),
        ("lamb", keras.optimizers.Lamb, DECAY),
    ],
)
def test_only_kernels_decay(name, kind, decay):
    kernel, bias = variables = [
        keras.Variable(np.ones(3), dtype="float32", name=n) for n in ("kernel", "bias")
    ]
    optimizer = optimizers.make_optimizer(_settings(name), variables)
    assert isinstance(optimizer, kind)
    for _ in range(STEPS):
        optimizer.apply([keras.ops.zeros(3)] * 2, variables)
    expected = np.full(3, (1 - RATE * decay) ** STEPS)
    np.testing.assert_allclose(kernel.numpy(), expected, rtol=1e-6)
    np.testing.assert_array_equal(bias.numpy(), 1.0)


@pytest.mark.parametrize(("warmup", "final"), [(10, 0.02), (10, 0.0), (0, 0.02)])
def test_rate_follows_its_formula(warmup, final):
    settings = _settings(
        "adam",
        learning_rate=0.3,
        steps=50,
        warmup_steps=warmup,
        final_learning_rate=final,
    )
    rate = optimizers.learning_rate(settings)
    for step in (0, 3, 9, 10, 27, 50, 80):
        if step < warmup:
            expected = np.interp(step, [0, warmup], [0.3 / warmup, 0.3])
        else:
            progress = min(1.0, (step - warmup) / (50 - warmup))
            expected = final + (0.3 - final) * 0.5 * (1 + math.cos(math.pi * progress))
        assert float(rate(step)) == pytest.approx(expected, rel=1e-5, abs=1e-8)


def test_a_run_shorter_than_its_warm_up_only_rises():
    settings = _settings("adam", learning_rate=0.4, steps=3, warmup_steps=4)
    rates = [float(optimizers.learning_rate(settings)(step)) for step in range(3)]
    np.testing.assert_allclose(rates, [0.1, 0.175, 0.25], rtol=1e-6)


def test_float16_gets_loss_scaling():
    variable = keras.Variable(np.ones((2, 2)), dtype="float32", name="kernel")
    settings = _settings("adam", precision="mixed_float16")
    optimizer = optimizers.make_optimizer(settings, [variable])
    before = float(optimizer.dynamic_scale)
    optimizer.apply([keras.ops.full((2, 2), np.inf)], [variable])
    assert float(optimizer.dynamic_scale) == before / 2
    np.testing.assert_array_equal(variable.numpy(), 1.0)

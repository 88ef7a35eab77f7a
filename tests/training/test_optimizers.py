"""Optimisers against numpy in float64, schedules against their formulas."""

import math

import keras
import numpy as np
import pytest

from kpp_tf.config import default
from kpp_tf.training import optimizers

RATE, DECAY, STEPS = 0.01, 0.1, 4


def _settings(name, decay=DECAY, **overrides):
    settings = default().train
    settings.optimizer = name
    settings.weight_decay = 0.0 if name == "adam" else decay
    settings.learning_rate = settings.final_learning_rate = RATE  # constant
    settings.warmup_steps = 0
    settings.update(overrides)
    return settings


def _start():
    rng = np.random.default_rng(0)
    return {"kernel": rng.normal(size=(3, 2)), "bias": rng.normal(size=2)}


def _gradients():
    rng = np.random.default_rng(1)
    shapes = {"kernel": (3, 2), "bias": 2}
    return [
        {name: rng.normal(size=shape) for name, shape in shapes.items()}
        for _ in range(STEPS)
    ]


def _adam(w, g, state, t, decay=0.0, eps=1e-7):
    w = w - RATE * decay * w
    m = state["m"] = 0.9 * state.get("m", 0.0) + 0.1 * g
    v = state["v"] = 0.999 * state.get("v", 0.0) + 0.001 * g * g
    rate = RATE * math.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return w - rate * m / (np.sqrt(v) + eps)


def _lamb(w, g, state, t, decay=0.0):
    w = w - RATE * decay * w
    m = state["m"] = 0.9 * state.get("m", 0.0) + 0.1 * g
    v = state["v"] = 0.999 * state.get("v", 0.0) + 0.001 * g * g
    update = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-6)
    return w - RATE * np.linalg.norm(w) / np.linalg.norm(update) * update


@pytest.mark.parametrize(
    ("name", "update"),
    [("adam", _adam), ("adamw", _adam), ("lamb", _lamb)],
)
def test_updates_match_numpy_and_only_kernels_decay(name, update):
    expected, states = _start(), {"kernel": {}, "bias": {}}
    for t, gradients in enumerate(_gradients(), start=1):
        for key, gradient in gradients.items():
            decay = DECAY if key == "kernel" and name != "adam" else 0.0
            expected[key] = update(expected[key], gradient, states[key], t, decay)

    variables = [
        keras.Variable(value, dtype="float32", name=key)
        for key, value in _start().items()
    ]
    optimizer = optimizers.make_optimizer(_settings(name), variables)
    for gradients in _gradients():
        tensors = [
            keras.ops.convert_to_tensor(g, "float32") for g in gradients.values()
        ]
        optimizer.apply(tensors, variables)
    for variable in variables:
        np.testing.assert_allclose(
            variable.numpy(), expected[variable.name], rtol=2e-5, atol=1e-6
        )


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

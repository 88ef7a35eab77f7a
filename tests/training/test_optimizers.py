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


def _lars(w, g, state, t, decay=0.0):
    rate = RATE
    if decay:  # a kernel
        g = g + decay * w
        rate *= 1e-3 * np.linalg.norm(w) / np.linalg.norm(g)
    state["v"] = 0.9 * state.get("v", 0.0) + rate * g
    return w - state["v"]


@pytest.mark.parametrize(
    ("name", "update"),
    [("adam", _adam), ("adamw", _adam), ("lamb", _lamb), ("lars", _lars)],
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


def test_lars_moves_weights_that_are_zero():
    variable = keras.Variable(np.zeros((2, 2)), dtype="float32", name="kernel")
    optimizer = optimizers.make_optimizer(_settings("lars"), [variable])
    optimizer.apply([keras.ops.ones((2, 2))], [variable])
    np.testing.assert_allclose(variable.numpy(), -RATE)


def test_schedule_follows_its_formula():
    schedule = optimizers.WarmupCosine(peak=0.3, steps=50, warmup=10, final=0.02)
    for step in (0, 3, 9, 10, 27, 50, 80):
        if step < 10:
            expected = 0.3 * (step + 1) / 10
        else:
            progress = min(1.0, (step - 10) / 40)
            expected = 0.02 + 0.28 * 0.5 * (1 + math.cos(math.pi * progress))
        assert float(schedule(step)) == pytest.approx(expected, rel=1e-5)
    again = optimizers.WarmupCosine.from_config(schedule.get_config())
    assert float(again(27)) == float(schedule(27))


def test_kl_weight_rises_to_one():
    weights = [float(optimizers.kl_weight(step, 4)) for step in range(6)]
    assert weights == [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    assert float(optimizers.kl_weight(0, 0)) == 1.0


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"optimizer": "sgd"}, "must be one of .*Received: 'sgd'"),
        ({"precision": "float8"}, "must be one of .*Received: 'float8'"),
        ({"optimizer": "adam", "weight_decay": 0.1}, "adam has no weight decay"),
    ],
)
def test_bad_settings_are_named(overrides, message):
    settings = _settings("adamw")
    settings.update(overrides)
    with pytest.raises(ValueError, match=message):
        optimizers.make_optimizer(settings, [])


def test_float16_gets_loss_scaling():
    variable = keras.Variable(np.ones((2, 2)), dtype="float32", name="kernel")
    settings = _settings("adam", precision="mixed_float16")
    optimizer = optimizers.make_optimizer(settings, [variable])
    before = float(optimizer.dynamic_scale)
    optimizer.apply([keras.ops.full((2, 2), np.inf)], [variable])
    assert float(optimizer.dynamic_scale) == before / 2
    np.testing.assert_array_equal(variable.numpy(), 1.0)

"""Which weights decay, and loss scaling."""

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


def test_float16_gets_loss_scaling():
    variable = keras.Variable(np.ones((2, 2)), dtype="float32", name="kernel")
    settings = _settings("adam", precision="mixed_float16")
    optimizer = optimizers.make_optimizer(settings, [variable])
    before = float(optimizer.dynamic_scale)
    optimizer.apply([keras.ops.full((2, 2), np.inf)], [variable])
    assert float(optimizer.dynamic_scale) == before / 2
    np.testing.assert_array_equal(variable.numpy(), 1.0)

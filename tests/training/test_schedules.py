"""Schedules against their formulas."""

import math

import numpy as np
import pytest

from kpp_tf.config import default
from kpp_tf.training import schedules


def test_kl_weight_rises_to_one():
    weights = [float(schedules.kl_weight(step, 4)) for step in range(6)]
    assert weights == [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    assert float(schedules.kl_weight(0, 0)) == 1.0


@pytest.mark.parametrize(("warmup", "final"), [(10, 0.02), (10, 0.0), (0, 0.02)])
def test_rate_follows_its_formula(warmup, final):
    settings = default().train
    settings.update(
        learning_rate=0.3,
        steps=50,
        warmup_steps=warmup,
        final_learning_rate=final,
    )
    rate = schedules.learning_rate(settings)
    for step in (0, 3, 9, 10, 27, 50, 80):
        if step < warmup:
            expected = np.interp(step, [0, warmup], [0.3 / warmup, 0.3])
        else:
            progress = min(1.0, (step - warmup) / (50 - warmup))
            expected = final + (0.3 - final) * 0.5 * (1 + math.cos(math.pi * progress))
        assert float(rate(step)) == pytest.approx(expected, rel=1e-5, abs=1e-8)


def test_a_run_shorter_than_its_warm_up_only_rises():
    settings = default().train
    settings.update(learning_rate=0.4, final_learning_rate=0.0, steps=3, warmup_steps=4)
    rates = [float(schedules.learning_rate(settings)(step)) for step in range(3)]
    np.testing.assert_allclose(rates, [0.1, 0.175, 0.25], rtol=1e-6)

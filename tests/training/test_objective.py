"""The objective against arithmetic."""

import numpy as np
import tensorflow as tf

from kpp_tf.models import Elbo
from kpp_tf.training.objective import kl_weight, objective


def test_kl_weight_rises_to_one():
    weights = [float(kl_weight(step, 4)) for step in range(6)]
    assert weights == [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    assert float(kl_weight(0, 0)) == 1.0


def test_objective_by_hand():
    elbo = Elbo(*(tf.constant([[a, b]]) for a, b in [(-7, -9), (2, 5), (6, 1), (4, 4)]))
    elbo = Elbo(*(tf.cast(term, tf.float32) for term in elbo))
    mask = tf.constant([[1.0, 1.0]])
    free = objective(elbo, mask, beta=0.5, free_bits=3.0)
    # 7 + (max(2, 3) + max(6, 3) + 4) / 2 and 9 + (max(5, 3) + max(1, 3) + 4) / 2
    np.testing.assert_allclose(free.numpy(), [[13.5, 15.0]])
    plain = objective(elbo, mask, beta=1.0, free_bits=0.0)
    np.testing.assert_allclose(plain.numpy(), elbo.bound.numpy())


def test_free_bits_do_not_charge_padding():
    zeros = tf.zeros([1, 2])
    value = objective(Elbo(zeros, zeros, zeros, zeros), tf.constant([[1.0, 0.0]]), 1, 3)
    np.testing.assert_allclose(value.numpy(), [[6.0, 0.0]])

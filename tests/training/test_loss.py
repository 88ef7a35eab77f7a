"""The objective against arithmetic."""

import tensorflow as tf

from kpp_tf.models import Elbo
from kpp_tf.models.elbo import TrainingTerms
from kpp_tf.training.loss import kl_weight, objective


def test_kl_weight_rises_to_one():
    weights = [float(kl_weight(step, 4)) for step in range(6)]
    assert weights == [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    assert float(kl_weight(0, 0)) == 1.0


def _terms(elbo, real, written, auxiliary=0.0):
    elbo = Elbo(*(tf.constant([term], tf.float32) for term in elbo))
    real, written = (tf.constant([part], tf.float32) for part in (real, written))
    return TrainingTerms(elbo, real, written, tf.constant(auxiliary))


def test_objective_by_hand():
    elbo = [(-7, -9), (2, 5), (6, 1), (4, 4)]
    terms = _terms(elbo, (1, 1), (1, 0), 0.25)
    # 7 + (max(2, 3) + max(6, 3) + 4) / 2 and 9 + (max(5, 3) + max(1, 3) + 4) / 2
    assert float(objective(terms, 0.5, 3.0, 1.0)) == 13.5 + 15.0 + 0.25
    assert float(objective(terms, 0.5, 3.0, 2.0)) == 2 * 13.5 + 15.0 + 0.25
    bounds = terms.elbo.bound.numpy().sum()
    assert float(objective(terms, 1.0, 0.0, 1.0)) == bounds + 0.25


def test_free_bits_do_not_charge_padding():
    terms = _terms([(0, 0)] * 4, (1, 0), (1, 0))
    assert float(objective(terms, 1.0, 3.0, 1.0)) == 6.0


def test_an_estimate_of_a_kl_may_be_below_zero():
    terms = _terms([(-7,), (-2,), (1,), (0,)], (1,), (1,))
    assert float(objective(terms, 1.0, 0.0, 1.0)) == 7.0 - 2.0 + 1.0

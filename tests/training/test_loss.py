"""The training loss against arithmetic."""

import tensorflow as tf

from kpp_tf.models import Elbo
from kpp_tf.models.elbo import TrainingTerms
from kpp_tf.training.loss import training_loss


def _terms(elbo, real, written, auxiliary=0.0):
    elbo = Elbo(*(tf.constant([term], tf.float32) for term in elbo))
    real, written = (tf.constant([part], tf.float32) for part in (real, written))
    return TrainingTerms(elbo, real, written, tf.constant(auxiliary))


def test_loss_by_hand():
    elbo = [(-7, -9), (2, 5), (6, 1), (4, 4)]
    terms = _terms(elbo, (1, 1), (1, 0), 0.25)
    # 7 + (2 + 6 + 4) / 2 and 9 + (5 + 1 + 4) / 2
    assert float(training_loss(terms, 0.5, 1.0)) == 13.0 + 14.0 + 0.25
    assert float(training_loss(terms, 0.5, 2.0)) == 2 * 13.0 + 14.0 + 0.25
    bounds = terms.elbo.bound.numpy().sum()
    assert float(training_loss(terms, 1.0, 1.0)) == bounds + 0.25


def test_padding_and_estimates_below_zero_count_as_they_are():
    terms = _terms([(-7, -9), (-2, 1), (1, 1), (0, 1)], (1, 0), (1, 0))
    assert float(training_loss(terms, 1.0, 1.0)) == 7.0 - 2.0 + 1.0

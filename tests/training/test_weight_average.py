"""The moving average against its formula."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.training.weight_average import WeightAverage


def test_average_follows_its_formula_and_is_lent():
    weight = keras.Variable(np.array([1.0, -2.0]), dtype="float32", name="w")
    average = WeightAverage([weight], decay=0.5)
    expected = np.array([1.0, -2.0])
    for t in range(12):
        weight.assign(np.array([t + 2.0, t * t]))
        average.update(tf.constant(t))
        decay = min(0.5, (1 + t) / (10 + t))
        expected = decay * expected + (1 - decay) * weight.numpy()
    np.testing.assert_allclose(average.averages[0].numpy(), expected, rtol=1e-6)

    with average.in_place():
        np.testing.assert_allclose(weight.numpy(), expected, rtol=1e-6)
    np.testing.assert_array_equal(weight.numpy(), [13.0, 121.0])


def test_weights_come_back_after_an_error():
    weight = keras.Variable(np.ones(2), dtype="float32", name="w")
    average = WeightAverage([weight], decay=0.9)
    weight.assign(np.full(2, 5.0))
    with pytest.raises(RuntimeError), average.in_place():
        raise RuntimeError
    np.testing.assert_array_equal(weight.numpy(), 5.0)

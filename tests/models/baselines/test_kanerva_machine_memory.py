"""The KM's memory: key table, weights and Bayes-rule write."""

import keras
import numpy as np
import tensorflow as tf

from kpp_tf.models.kanerva_machines.kanerva_machine_memory import KanervaMachineMemory

SLOTS, SIZE, KEY, FRAMES, BATCH = 8, 10, 4, 6, 2


def _layer():
    keras.utils.set_random_seed(0)
    return KanervaMachineMemory(SLOTS, SIZE, address_size=5)


def _inputs():
    rng = np.random.default_rng(0)
    keys = tf.constant(rng.normal(size=[BATCH, FRAMES, KEY]), tf.float32)
    return keys, tf.constant(rng.normal(size=[BATCH, FRAMES, SIZE]), tf.float32)


def _numpy_weights(layer, keys):
    table = layer._table.numpy().astype(float)
    table /= np.linalg.norm(table, axis=-1, keepdims=True)
    kernel, bias = (v.numpy() for v in layer.hidden.weights)
    hidden = np.maximum(keys @ kernel + bias, 0)
    kernel, bias = (v.numpy() for v in layer.project.weights)
    return (hidden @ kernel + bias) @ table.T


def test_write_is_the_bayes_rule_of_the_source():
    """The gain form, through the T x T covariance of the codes, in float64."""
    layer = _layer()
    keys, codes = _inputs()
    memory = layer(keys, codes)
    weights = _numpy_weights(layer, keys.numpy().astype(float))
    np.testing.assert_allclose(layer.weights_of(keys), weights, atol=1e-5)
    mean = layer._prior_mean.numpy().astype(float)
    noise_variance = float(layer.noise_variance)
    for b in range(BATCH):
        written = weights[b]  # U0 = I at the start
        covariance = written @ written.T + noise_variance * np.eye(FRAMES)
        gain = np.linalg.solve(covariance, written).T
        error = codes[b].numpy() - written @ mean
        np.testing.assert_allclose(memory.mean[b], mean + gain @ error, atol=1e-5)
        np.testing.assert_allclose(
            memory.covariance[b], np.eye(SLOTS) - gain @ written, atol=1e-5
        )


def test_reading_what_was_written_with_little_noise_returns_it():
    keras.utils.set_random_seed(0)
    layer = KanervaMachineMemory(SLOTS, SIZE, 32, noise_scale=0.011)
    keys, codes = _inputs()
    read = layer.read(layer(keys, codes).mean, keys)
    before = layer.read(layer.prior(BATCH).mean, keys)
    error = float(tf.reduce_mean((read - codes) ** 2))
    assert error < 0.01 * float(tf.reduce_mean((before - codes) ** 2))


def test_equal_keys_and_codes_are_finite_with_gradients():
    layer = _layer()
    with tf.GradientTape() as tape:
        memory = layer(tf.ones([1, 32, KEY]), tf.fill([1, 32, SIZE], 100.0))
        loss = tf.reduce_sum(layer.kl_memory(memory))
    assert np.isfinite(loss)
    for gradient in tape.gradient(loss, layer.trainable_variables):
        assert np.isfinite(gradient).all()

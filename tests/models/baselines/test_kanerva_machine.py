"""KM: its memory and the terms of its bound against numpy in float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.models.baselines.kanerva_machine import KanervaMachineMemory
from tests.models import tiny_models
from tests.models.baselines.in_float64 import kl_to_standard, log_bernoulli, row
from tests.models.tiny_models import LENGTH, MODELS

SLOTS, SIZE, KEY, FRAMES, ROWS = 8, 10, 4, 6, 2


def _layer():
    keras.utils.set_random_seed(0)
    return KanervaMachineMemory(SLOTS, SIZE, 5, noise_scale=1.0, prior_scale=1.0)


def _inputs():
    rng = np.random.default_rng(0)
    keys = tf.constant(rng.normal(size=[ROWS, FRAMES, KEY]), tf.float32)
    return keys, tf.constant(rng.normal(size=[ROWS, FRAMES, SIZE]), tf.float32)


def _numpy_weights(layer, keys):
    (table,) = (np.float64(w) for w in layer.weights if w.name == "table")
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
    mean = np.float64(layer.prior(1).mean[0])
    noise_variance = float(layer.noise_variance)
    for b in range(ROWS):
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
    layer = KanervaMachineMemory(SLOTS, SIZE, 32, 0.011, 1.0)
    keys, codes = _inputs()
    read = layer.read(layer(keys, codes).mean, keys)
    before = layer.read(layer.prior(ROWS).mean, keys)
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


@pytest.mark.parametrize("maps", [False, True])
def test_km_terms_equal_numpy(maps, episode, seeds):
    model = MODELS["km_of_maps"]() if maps else tiny_models.km()
    terms = model.elbo(episode, seeds)
    memory = model.write(episode)
    embeddings = np.float64(model.encoder(episode))
    features = np.float32(row(embeddings))
    key_mean, key_stddev = (np.float64(x) for x in model.key_head(features))
    keys = key_mean + key_stddev * np.float64(noise.normal(seeds, (LENGTH, 4), salt=1))
    drawn = np.float64(noise.normal(seeds, memory.mean.shape[1:], salt=3))
    matrix = np.float64(memory.mean) + np.float64(memory.scale) @ drawn
    top_down = np.float64(model.memory.weights_of(np.float32(keys))) @ matrix
    cells = top_down.reshape(*embeddings.shape[:-1], -1)
    both = np.concatenate([embeddings, cells], axis=-1)
    change, stddev = (row(part) for part in model.correction(np.float32(both)))
    sigma = np.sqrt(float(model.memory.noise_variance))
    # KL[N(r + d, s^2) || N(r, sigma^2)] is that of the whitened pair to N(0, I).
    kl = kl_to_standard(change / sigma, stddev / sigma)
    np.testing.assert_allclose(terms.kl_latents, kl, rtol=1e-4)
    np.testing.assert_allclose(
        terms.kl_keys, kl_to_standard(key_mean, key_stddev), rtol=1e-4
    )
    latents = (
        noise.normal(seeds, top_down.shape[1:], salt=2) * stddev + top_down + change
    )
    logits = np.float64(model.decoder(np.float32(latents)))
    expected = log_bernoulli(episode.numpy(), logits)
    np.testing.assert_allclose(terms.log_likelihood, expected, rtol=1e-4)

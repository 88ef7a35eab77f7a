"""DKM: its memory and the terms of its bound against numpy in float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.models.baselines.dynamic_kanerva_machine import DynamicKanervaMemory
from tests.layer_checks import precision
from tests.models import tiny_models
from tests.models.baselines.in_float64 import kl_to_standard, log_bernoulli, row
from tests.models.tiny_models import BATCH, LENGTH, MODELS

SLOTS, SIZE, FRAMES, ROWS = 8, 12, 7, 3


def _layer(**kwargs):
    keras.utils.set_random_seed(0)
    scales = {"noise_scale": 1.0, "prior_scale": 1.0, "weight_scale": 0.3}
    arguments = {"write_passes": 2, **scales, **kwargs}
    return DynamicKanervaMemory(SLOTS, SIZE, **arguments)


def _gradients(layer, codes):
    """Of writing, reading and the KL, by the codes and the weights."""
    with tf.GradientTape() as tape:
        tape.watch(codes)
        memory = layer(codes)
        weights = layer.address(memory.mean, codes)
        loss = tf.reduce_sum((layer.read(memory.mean, codes) - codes) ** 2)
        loss += layer.weight_scale * tf.reduce_sum(weights**2)
        loss += tf.reduce_sum(layer.kl_memory(memory))
    return tape.gradient(loss, [codes, *layer.trainable_variables])


def _codes(seed=0, batch=ROWS, frames=FRAMES):
    rng = np.random.default_rng(seed)
    return tf.constant(rng.normal(size=[batch, frames, SIZE]), tf.float32)


def test_a_second_pass_rebuilds_codes_better():
    codes = _codes()

    def error(layer):
        read = layer.read(layer(codes).mean, codes)
        return float(tf.reduce_mean((read - codes) ** 2))

    assert error(_layer(write_passes=2)) < error(_layer(write_passes=1))


def test_reading_cleans_a_noisy_cue():
    """Few, well separated codes: a reading moves a cue towards what is stored."""
    layer = _layer(noise_scale=0.1)
    codes = 3.0 * _codes(frames=4)
    # As many rows as stored codes would be: project on their span alone.
    noise = np.random.default_rng(6).normal(size=codes.shape)
    cue = codes + tf.constant(noise, tf.float32)
    read = layer.read(layer(codes).mean, cue)
    before = float(tf.reduce_mean((cue - codes) ** 2))
    assert float(tf.reduce_mean((read - codes) ** 2)) < before


def test_float32_under_a_half_precision_policy():
    with precision("mixed_bfloat16"):
        memory = _layer()(_codes())
    assert all(part.dtype == tf.float32 for part in memory)


def test_learned_scales_start_where_they_are_told():
    layer = _layer(noise_scale=0.02, weight_scale=0.0015)
    np.testing.assert_allclose(layer.noise_variance, 0.02**2, rtol=1e-4)
    np.testing.assert_allclose(layer.weight_scale, 0.0015, rtol=1e-3)


def test_write_ignores_the_order_of_frames():
    codes = _codes()
    order = np.random.default_rng(2).permutation(FRAMES)
    layer = _layer()
    shuffled = layer(tf.gather(codes, order, axis=1))
    np.testing.assert_allclose(layer(codes).mean, shuffled.mean, atol=1e-5)


def test_two_passes_equal_float64():
    """Address in the prior mean, write, address in the result, write to the prior."""
    layer, codes = _layer(), np.float64(_codes())
    noise_variance = float(layer.noise_variance)
    prior = np.float64(layer.prior(1).mean[0])  # of covariance I
    memory = layer(_codes())
    for b in range(ROWS):
        mean = prior
        for _ in range(2):
            gram = mean @ mean.T + noise_variance * np.eye(SLOTS)
            weights = np.linalg.solve(gram, mean @ codes[b].T).T
            precision = np.eye(SLOTS) + weights.T @ weights / noise_variance
            covariance = np.linalg.inv(precision)
            mean = covariance @ (prior + weights.T @ codes[b] / noise_variance)
        np.testing.assert_allclose(memory.mean[b], mean, atol=2e-5)
        np.testing.assert_allclose(memory.covariance[b], covariance, atol=2e-5)


@pytest.mark.parametrize("size", [0.0, 1.0, 1e3])
def test_constant_episodes_give_finite_terms_and_gradients(size):
    layer = _layer(noise_scale=0.02)
    codes = tf.fill([2, 32, SIZE], size)
    assert all(np.isfinite(gradient).all() for gradient in _gradients(layer, codes))
    assert np.isfinite(layer.kl_memory(layer(codes))).all()


def test_a_singular_prior_gives_finite_terms():
    layer = _layer(noise_scale=0.02)
    (prior_mean,) = (w for w in layer.weights if w.name == "prior_mean")
    prior_mean.assign(np.full([SLOTS, SIZE], 50.0))
    assert all(np.isfinite(gradient).all() for gradient in _gradients(layer, _codes()))


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"write_passes": 0}, "write_passes must be at least 1. Received: 0"),
        ({"noise_scale": 0.0}, "noise must start over"),
        ({"weight_scale": 0.001}, "weight_scale must start over"),
        ({"prior_scale": 0.0}, "prior_scale must be over 0"),
    ],
)
def test_wrong_arguments_are_named(argument, message):
    with pytest.raises(ValueError, match=message):
        _layer(**argument)


@pytest.mark.parametrize("name", ["dkm_tsm", "dkm_of_maps"])
def test_dkm_terms_equal_numpy(name, episode, seeds):
    """The memory drawn, the weights inferred in it, the likelihood: in float64."""
    model = MODELS[name]()
    terms = model.elbo(episode, seeds)
    memory = model.write(episode)
    codes = row(model.code(model.encoder(episode)))
    drawn = np.float64(noise.normal(seeds, (6, codes.shape[-1]), salt=3))
    matrix = np.float64(memory.mean) + np.float64(memory.scale) @ drawn
    gram = matrix @ matrix.transpose(0, 2, 1)
    gram += float(model.memory.noise_variance) * np.eye(6)
    mean = np.linalg.solve(gram, matrix @ codes.transpose(0, 2, 1)).transpose(0, 2, 1)
    scale = float(model.memory.weight_scale)
    weights = mean + scale * np.float64(noise.normal(seeds, (LENGTH, 6), salt=1))
    logits = np.float64(model.decoder(np.float32(weights @ matrix)))
    expected = log_bernoulli(episode.numpy(), logits)
    np.testing.assert_allclose(terms.log_likelihood, expected, rtol=1e-4)
    np.testing.assert_allclose(
        terms.kl_keys, kl_to_standard(mean, np.full(6, scale)), rtol=1e-4
    )
    assert np.all(terms.kl_latents == 0)


def test_dkm_temperature_acts_on_memory_and_weights(episode, seeds):
    model = tiny_models.dkm()
    memory = model.write(episode)
    drawn = noise.normal(seeds, (6, 10), salt=3)
    matrix = memory.mean + 0.5 * tf.matmul(memory.scale, drawn)
    weights = 0.5 * noise.normal(seeds, (4, 6), salt=1)
    expected = tf.sigmoid(model.decoder(tf.matmul(weights, matrix)))
    images = model.generate(memory, 4, seeds, tf.fill([BATCH], 0.5))
    np.testing.assert_allclose(images, expected, atol=1e-5)


def test_dkm_reads_back_what_it_wrote_better_than_another_memory(episode, seeds):
    model = tiny_models.dkm()
    codes = model.codes(model.embed(episode))
    own = model.write(episode)
    other = own._replace(mean=tf.roll(own.mean, 1, axis=0))

    def error(memory):
        return np.mean((model.memory.read(memory.mean, codes) - codes) ** 2)

    assert error(own) < 0.9 * error(other)


def test_tsm_lets_frames_of_an_episode_speak(episode):
    """A change of the last frame reaches the code of the one before it only by TSM."""
    changed = tf.concat([episode[:, :-1], 1.0 - episode[:, -1:]], axis=1)
    for name, speaks in (("dkm", False), ("dkm_tsm", True)):
        model = MODELS[name]()
        before = model.codes(model.embed(episode))[:, -2]
        after = model.codes(model.embed(changed))[:, -2]
        assert np.allclose(before, after, atol=1e-6) is not speaks

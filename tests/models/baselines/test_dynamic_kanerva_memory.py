"""The DKM's memory: write, address, read and both KLs against independent figures."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.models.kanerva_machines.dynamic_kanerva_memory import DynamicKanervaMemory
from tests.layer_checks import precision

SLOTS, SIZE, FRAMES, BATCH = 8, 12, 7, 3


def _layer(**kwargs):
    keras.utils.set_random_seed(0)
    sizes = {"slots": SLOTS, "code_size": SIZE, "write_form": "batch"}
    return DynamicKanervaMemory(**{**sizes, "write_passes": 2, **kwargs})


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


def _codes(seed=0, batch=BATCH, frames=FRAMES):
    rng = np.random.default_rng(seed)
    return tf.constant(rng.normal(size=[batch, frames, SIZE]), tf.float32)


def _prior(layer):
    prior = layer.prior(1)
    return prior.mean[0].numpy().astype(float), prior.covariance[0].numpy().astype(
        float
    )


def test_write_given_weights_is_the_closed_form_posterior():
    layer = _layer()
    layer._prior_log_variance.assign(np.linspace(-1, 1, SLOTS))
    weights = np.random.default_rng(1).normal(size=[BATCH, FRAMES, SLOTS])
    memory = layer.write_batch(tf.constant(weights, tf.float32), _codes())
    mean, covariance = _prior(layer)
    noise_variance = float(layer.noise_variance)
    for b in range(BATCH):
        precision = np.linalg.inv(covariance) + weights[b].T @ weights[b] / (
            noise_variance
        )
        information = np.linalg.inv(covariance) @ mean
        information += weights[b].T @ _codes()[b].numpy() / noise_variance
        expected = np.linalg.inv(precision)
        np.testing.assert_allclose(memory.covariance[b], expected, atol=1e-5)
        np.testing.assert_allclose(memory.mean[b], expected @ information, atol=1e-5)


def test_sequential_write_addresses_in_the_memory_so_far():
    layer = _layer(write_form="sequential")
    codes = _codes()
    memory = layer(codes)
    noise_variance = float(layer.noise_variance)
    for b in range(BATCH):
        mean, covariance = _prior(layer)
        for code in codes[b].numpy().astype(float):
            gram = mean @ mean.T + noise_variance * np.eye(SLOTS)
            weight = np.linalg.solve(gram, mean @ code)
            spread = weight @ covariance @ weight + noise_variance
            gain = covariance @ weight / spread
            mean = mean + np.outer(gain, code - mean.T @ weight)
            covariance = covariance - np.outer(gain, covariance @ weight)
        np.testing.assert_allclose(memory.mean[b], mean, atol=2e-5)
        np.testing.assert_allclose(memory.covariance[b], covariance, atol=2e-5)


def test_one_pass_over_one_frame_is_the_sequential_write():
    codes = _codes(frames=1)
    batch = _layer(write_passes=1)(codes)
    sequential = _layer(write_form="sequential")(codes)
    np.testing.assert_allclose(batch.mean, sequential.mean, atol=1e-5)
    np.testing.assert_allclose(batch.covariance, sequential.covariance, atol=1e-5)


def test_batch_write_ignores_the_order_of_frames_and_sequential_does_not():
    codes = _codes()
    order = np.random.default_rng(2).permutation(FRAMES)
    shuffled = tf.gather(codes, order, axis=1)
    batch = _layer()
    np.testing.assert_allclose(batch(codes).mean, batch(shuffled).mean, atol=1e-5)
    sequential = _layer(write_form="sequential")
    difference = sequential(codes).mean - sequential(shuffled).mean
    assert np.abs(difference).max() > 1e-3


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


@pytest.mark.parametrize("form", ["batch", "sequential"])
@pytest.mark.parametrize("size", [0.0, 1.0, 1e3])
def test_constant_episodes_give_finite_terms_and_gradients(form, size):
    layer = _layer(write_form=form, noise_scale=0.02)
    for gradient in _gradients(layer, tf.fill([2, 32, SIZE], size)):
        assert np.isfinite(gradient).all()
    memory = layer(tf.fill([2, 32, SIZE], size))
    assert np.isfinite(layer.kl_memory(memory)).all()


def test_a_singular_prior_gives_finite_terms():
    layer = _layer(noise_scale=0.02)
    layer._prior_mean.assign(np.full([SLOTS, SIZE], 50.0))
    for gradient in _gradients(layer, _codes()):
        assert np.isfinite(gradient).all()


def test_float32_under_a_half_precision_policy():
    with precision("mixed_bfloat16"):
        memory = _layer()(_codes())
    assert all(part.dtype == tf.float32 for part in memory)


def test_learned_scales_start_where_they_are_told():
    layer = _layer(noise_scale=0.02, weight_scale=0.0015)
    np.testing.assert_allclose(layer.noise_variance, 0.02**2, rtol=1e-4)
    np.testing.assert_allclose(layer.weight_scale, 0.0015, rtol=1e-3)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="Received: 'parallel'"):
        _layer(write_form="parallel")
    with pytest.raises(ValueError, match="Received: 0"):
        _layer(write_passes=0)
    with pytest.raises(ValueError, match="noise must start over"):
        _layer(noise_scale=0.0)
    with pytest.raises(ValueError, match="weight_scale must start over"):
        _layer(weight_scale=0.001)
    with pytest.raises(ValueError, match="prior_scale must be over 0"):
        _layer(prior_scale=0.0)
    layer = _layer(write_form="sequential")
    signature = [tf.TensorSpec([None, None, SIZE], tf.float32)]
    with pytest.raises(ValueError, match="static episode"):
        tf.function(layer.call, input_signature=signature).get_concrete_function()

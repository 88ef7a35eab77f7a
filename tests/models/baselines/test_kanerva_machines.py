"""DKM and KM: their terms against numpy, and what the memory's KL counts."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.errors import UserError
from tests.models import tiny_models
from tests.models.tiny_models import BATCH, LENGTH, MODELS


@pytest.mark.parametrize("make", [tiny_models.dkm, tiny_models.km])
def test_memory_kl_is_shared_among_real_images(make, episode, seeds):
    model = make(memory_kl=True)
    mask = tf.constant([[1.0] * 5, [1.0] * 3 + [0.0] * 2, [1.0] + [0.0] * 4])
    terms = model.elbo(episode, seeds, mask=mask)
    total = model.memory.kl_memory(model.write(episode, mask))
    np.testing.assert_allclose(tf.reduce_sum(terms.kl_memory, axis=1), total, rtol=1e-5)
    assert np.all(total > 0)


@pytest.mark.parametrize("make", [tiny_models.dkm, tiny_models.km])
def test_memory_kl_can_be_left_out(make, episode, seeds):
    model = make(memory_kl=True)
    without = make()  # by the same seeds: the same weights
    counted, free = (m.elbo(episode, seeds) for m in (model, without))
    assert np.all(free.kl_memory == 0)
    np.testing.assert_allclose(free.bound, counted.bound - counted.kl_memory, rtol=1e-4)


def _kl_to_standard(mean, stddev):
    return np.sum(0.5 * (mean**2 + stddev**2 - 1) - np.log(stddev), axis=-1)


def _row(maps):
    """[B, T, ...] to [B, T, N] in float64: the cells of a map after each other."""
    return np.float64(maps).reshape(BATCH, LENGTH, -1)


def _log_bernoulli(images, logits):
    return np.sum(images * logits - np.logaddexp(0, logits), axis=(2, 3, 4))


@pytest.mark.parametrize("name", ["dkm_tsm", "dkm_of_maps"])
def test_dkm_terms_equal_numpy(name, episode, seeds):
    """The memory drawn, the weights inferred in it, the likelihood: in float64."""
    model = MODELS[name]()
    terms = model.elbo(episode, seeds)
    memory = model.write(episode)
    codes = _row(model.code(model.encoder(episode)))
    drawn = np.float64(noise.normal(seeds, (6, codes.shape[-1]), salt=3))
    matrix = np.float64(memory.mean) + np.float64(memory.scale) @ drawn
    gram = matrix @ matrix.transpose(0, 2, 1)
    gram += float(model.memory.noise_variance) * np.eye(6)
    mean = np.linalg.solve(gram, matrix @ codes.transpose(0, 2, 1)).transpose(0, 2, 1)
    scale = float(model.memory.weight_scale)
    weights = mean + scale * np.float64(noise.normal(seeds, (LENGTH, 6), salt=1))
    logits = np.float64(model.decoder(np.float32(weights @ matrix)))
    expected = _log_bernoulli(episode.numpy(), logits)
    np.testing.assert_allclose(terms.log_likelihood, expected, rtol=1e-4)
    np.testing.assert_allclose(
        terms.kl_keys, _kl_to_standard(mean, np.full(6, scale)), rtol=1e-4
    )
    assert np.all(terms.kl_latents == 0)


@pytest.mark.parametrize("maps", [False, True])
def test_km_terms_equal_numpy(maps, episode, seeds):
    model = MODELS["km_of_maps"]() if maps else tiny_models.km()
    terms = model.elbo(episode, seeds)
    memory = model.write(episode)
    embeddings = np.float64(model.encoder(episode))
    features = np.float32(_row(embeddings))
    key_mean, key_stddev = (np.float64(x) for x in model.key_head(features))
    keys = key_mean + key_stddev * np.float64(noise.normal(seeds, (LENGTH, 4), salt=1))
    drawn = np.float64(noise.normal(seeds, memory.mean.shape[1:], salt=3))
    matrix = np.float64(memory.mean) + np.float64(memory.scale) @ drawn
    top_down = np.float64(model.memory.weights_of(np.float32(keys))) @ matrix
    cells = top_down.reshape(*embeddings.shape[:-1], -1)
    both = np.concatenate([embeddings, cells], axis=-1)
    change, stddev = (_row(part) for part in model.correction(np.float32(both)))
    sigma = np.sqrt(float(model.memory.noise_variance))
    # KL[N(r + d, s^2) || N(r, sigma^2)] is that of the whitened pair to N(0, I).
    kl = _kl_to_standard(change / sigma, stddev / sigma)
    np.testing.assert_allclose(terms.kl_latents, kl, rtol=1e-4)
    np.testing.assert_allclose(
        terms.kl_keys, _kl_to_standard(key_mean, key_stddev), rtol=1e-4
    )
    latents = (
        noise.normal(seeds, top_down.shape[1:], salt=2) * stddev + top_down + change
    )
    logits = np.float64(model.decoder(np.float32(latents)))
    expected = _log_bernoulli(episode.numpy(), logits)
    np.testing.assert_allclose(terms.log_likelihood, expected, rtol=1e-4)


@pytest.mark.parametrize("make", [tiny_models.dkm, tiny_models.km])
def test_sampled_kls_average_to_the_analytic_ones(make, episode):
    """With the memory at its mean in both, over 200 seeds, within four errors."""
    model = make()
    count = 200
    episodes = tf.repeat(episode[:1], count, axis=0)
    seeds = noise.row_seeds(tf.constant([3, 7]), count)
    memory = model.write(episodes)
    memory = memory._replace(scale=tf.zeros_like(memory.scale))  # a draw is its mean
    exact = model.elbo(episodes, seeds, memory=memory)
    sampled = model.elbo(episodes, seeds, memory=memory, analytic=False)
    np.testing.assert_array_equal(exact.log_likelihood, sampled.log_likelihood)
    for a, b in (
        (exact.kl_keys, sampled.kl_keys),
        (exact.kl_latents, sampled.kl_latents),
    ):
        difference = np.mean(a - b, axis=1)
        error = difference.std(ddof=1) / np.sqrt(count)
        assert np.abs(difference.mean()) <= 4 * error


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
    codes = model._codes(model.embed(episode))
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
        before = model._codes(model.embed(episode))[:, -2]
        after = model._codes(model.embed(changed))[:, -2]
        assert np.allclose(before, after, atol=1e-6) is not speaks


@pytest.mark.parametrize("make", [tiny_models.dkm, tiny_models.km])
def test_a_code_that_fills_no_map_is_refused(make):
    with pytest.raises(UserError, match="multiple of the 4 cells.*code_size=10"):
        make(**tiny_models.OF_MAPS)

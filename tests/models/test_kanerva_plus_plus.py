"""K++: its bound against numpy and the true p(X|M), and what every method promises."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage, special, stats

from kpp_tf import noise
from kpp_tf.models import Elbo, KanervaPlusPlus
from kpp_tf.models.key_posteriors import FAMILIES
from tests.layer_checks import gradients_of, perturb, precision
from tests.models.tiny_kanerva import (
    BATCH,
    COMMON,
    DEPTH,
    LENGTH,
    SHAPE,
    SIZE,
    VARIANTS,
    assert_terms,
    gaussian_kl,
    keys_and_kls,
    make_model,
    random_episode,
)


@pytest.fixture(scope="module", params=VARIANTS)
def model(request):
    model = make_model(**VARIANTS[request.param])
    perturb(model, 0.15)
    return model


@pytest.fixture(scope="module")
def allocated():
    model = make_model()
    perturb(model, 0.15)
    return model


@pytest.fixture(scope="module")
def episode():
    return random_episode()


@pytest.fixture(scope="module")
def seeds():
    return noise.row_seeds([1, 2], BATCH)


def _bilinear(memory, keys, block):
    """Reads as SciPy does: [B, T, K * P * P * D]."""
    grid = np.arange(block) - (block - 1) / 2
    out = []
    for b, t, k in np.ndindex(*keys.shape[:3]):
        scale, x, y = np.float64(keys[b, t, k])
        place = [SIZE / (1 + np.exp(-(1.5976 * v + 0.070566 * v**3))) for v in (y, x)]
        axes = [p - 0.5 + np.exp(0.25 * scale) * grid for p in place]
        grids = np.meshgrid(*axes, indexing="ij")
        out.append(
            [
                ndimage.map_coordinates(
                    memory[b, ..., d], grids, order=1, mode="nearest"
                )
                for d in range(DEPTH)
            ]
        )
    blocks = np.moveaxis(np.reshape(out, (*keys.shape[:3], DEPTH, block, block)), 3, -1)
    return blocks.reshape(*keys.shape[:2], -1)


@pytest.mark.parametrize(
    "variant",
    [
        {},
        {"block_size": 2, "blocks_per_frame": 2, "scale_gain": 0.25},
        {"writer": "pooled", "blocks_per_frame": 2},
        {"decode_blocks": False},
        {"key_posterior": "box"},
        {"key_posterior": "box", "block_size": 2, "key_stddev": 0.1},
    ],
    ids=["allocated", "blocks", "pooled", "latent alone", "box", "boxes of blocks"],
)
def test_bound_equals_numpy(variant, episode, seeds):
    """Every term by itself, from what the networks give and the documented noise."""
    model = make_model(**variant)
    perturb(model, 0.15)
    blocks, size = model.blocks_per_frame, model.block_size
    embeddings = model.encoder(episode)
    if model.writer_name == "pooled":
        memory = model.writer(embeddings)
        mean, stddev = (
            np.reshape(x, (BATCH, LENGTH, blocks, 3))
            for x in model.key_head(embeddings)
        )
    else:
        mean, stddev = map(np.asarray, model.allocator(embeddings))
        # The episode goes round until all slots are taken.
        turns = np.arange(max(LENGTH, (SIZE // size) ** 2 // blocks)) % LENGTH
        repeated = embeddings.numpy()[:, turns]
        memory = model.writer(repeated, model.allocator(repeated)[0])
    keys, kl_keys, key_log_ratio = keys_and_kls(model, mean, stddev, seeds)
    code = np.float32(_bilinear(np.float64(memory), keys, size))
    posterior = model.latent_posterior(embeddings)
    prior = model.latent_prior(code)
    latents = posterior[0] + posterior[1] * noise.normal(seeds, (LENGTH, 3), salt=2)
    decoded = np.concatenate([latents, code], -1) if model.decode_blocks else latents
    logits = np.float64(model.decoder(decoded))
    log_likelihood = stats.bernoulli.logpmf(episode, special.expit(logits))
    expected = (
        log_likelihood.sum((2, 3, 4)),
        gaussian_kl(*posterior, *prior),
        kl_keys,
        np.zeros((BATCH, LENGTH)),
    )
    assert_terms(model.elbo(episode, seeds), expected, rtol=1e-4, atol=2e-3)
    # One-sample estimates of the KLs at the same draws.
    log_ratio = np.sum(
        stats.norm.logpdf(latents, *posterior) - stats.norm.logpdf(latents, *prior), -1
    )
    sampled = expected[0], log_ratio, key_log_ratio, expected[3]
    got = model.elbo(episode, seeds, analytic=False)
    assert_terms(got, sampled, rtol=1e-3, atol=5e-3)


def _many(model, episode, memory, count, analytic):
    """Elbo terms of `count` draws for one episode: each [count, T]."""
    copies = np.repeat(episode[:1], count, axis=0)
    memories = tf.repeat(memory[:1], count, axis=0)
    rows = np.random.default_rng(5).integers(0, 2**31, (count, 2), np.int32)
    # A graph: outside of one the loop over rows that draws noise is slow.
    terms = tf.function(model.elbo)(copies, rows, memory=memories, analytic=analytic)
    return Elbo(*(np.float64(x) for x in terms))


def test_sampled_kls_average_to_the_closed_form(allocated, episode):
    memory, count = allocated.write(episode), 800
    closed = _many(allocated, episode, memory, count, True)
    sampled = _many(allocated, episode, memory, count, False)
    for name in ("kl_latents", "kl_keys"):
        difference = getattr(sampled, name) - getattr(closed, name)
        error = difference.std(axis=0) / count**0.5
        assert np.all(np.abs(difference.mean(axis=0)) < 4.5 * error), name
        assert np.all(error < 0.1 * getattr(closed, name).mean(axis=0)), name


def test_importance_weights_average_to_the_true_likelihood(episode):
    """E_q[exp(-bound)] = p(X|M), found by drawing from the prior; the bound is above.

    Wide key and latent posteriors and frames that differ little, so that a few
    thousand draws settle it.
    """
    model = make_model(key_stddev=1.2)
    model.writer.content.kernel.assign(0.5 * model.writer.content.kernel)
    model.latent_posterior.mean.kernel.assign(0.2 * model.latent_posterior.mean.kernel)
    for layer in (model.latent_prior, model.decoder):
        perturb(layer, 0.05)
    memory, count = model.write(episode), 3000
    sampled = _many(model, episode, memory, count, False)
    log_weights = -sampled.bound
    importance = special.logsumexp(log_weights, axis=0) - np.log(count)

    random = np.random.default_rng(2)
    keys = random.standard_normal((count, LENGTH, 1, 3)).astype(np.float32)
    code = _bilinear(np.repeat(np.float64(memory[:1]), count, axis=0), keys, 1)
    mean, stddev = model.latent_prior(np.float32(code))
    latents = mean + stddev * random.standard_normal(mean.shape)
    decoded = np.concatenate([latents, code], -1).astype(np.float32)
    logits = np.float64(model.decoder(decoded))
    likelihood = stats.bernoulli.logpmf(episode[:1], special.expit(logits))
    likelihood = likelihood.sum((2, 3, 4))
    truth = special.logsumexp(likelihood, axis=0) - np.log(count)

    def error(logs):
        ratio = np.exp(logs - logs.max(axis=0))
        return ratio.std(axis=0) / ratio.mean(axis=0) / count**0.5

    bars = np.hypot(error(log_weights), error(likelihood))
    assert np.all(bars < 0.15)  # the test can tell
    assert np.all(np.abs(importance - truth) < 4.5 * bars)
    bound = np.mean(_many(model, episode, memory, count, True).bound, axis=0)
    assert np.all(bound > -truth) and np.all(bound > -importance)


def test_permuted_episodes_give_permuted_results(model, episode, seeds):
    order = [2, 0, 1]
    shuffled, rows = episode[order], seeds.numpy()[order]
    memory = model.write(episode)
    moved = model.write(shuffled)
    np.testing.assert_allclose(moved, memory.numpy()[order], atol=1e-5)
    expected = model.elbo(episode, seeds)
    assert_terms(
        model.elbo(shuffled, rows), [x.numpy()[order] for x in expected], atol=1e-3
    )
    images = model.generate(memory, 4, seeds).numpy()
    np.testing.assert_allclose(model.generate(moved, 4, rows), images[order], atol=1e-5)
    alone = model.generate(memory[1:2], 4, seeds[1:2])
    np.testing.assert_allclose(alone, images[1:2], atol=1e-5)


def test_padding_changes_no_term_of_a_real_image(model, episode, seeds):
    """Padded images, and a padded episode beside them, whatever they hold."""
    real = 3
    mask = np.zeros((BATCH + 1, LENGTH), np.float32)
    mask[:BATCH, :real] = 1
    padded = np.random.default_rng(3).random((BATCH + 1, LENGTH, *SHAPE))
    padded = padded.astype(np.float32)
    padded[:BATCH, :real] = episode[:, :real]
    rows = np.concatenate([seeds, [[9, 9]]]).astype(np.int32)
    memory = model.write(padded, mask)
    alone = model.write(episode[:, :real])
    np.testing.assert_allclose(memory[:BATCH], alone, atol=1e-5)
    terms = model.elbo(padded, rows, mask=mask)
    expected = model.elbo(episode[:, :real], seeds)
    for name, got, wanted in zip(terms._fields, terms, expected, strict=True):
        np.testing.assert_array_equal(got.numpy()[mask == 0], 0, err_msg=name)
        np.testing.assert_allclose(
            got[:BATCH, :real], wanted, rtol=1e-5, atol=1e-3, err_msg=name
        )


def test_any_number_of_episodes_and_images(model):
    for batch, length in ((1, 1), (2, 7), (1, 20)):
        episode = np.full((batch, length, *SHAPE), 0.5, np.float32)
        rows = noise.row_seeds([1, 2], batch)
        memory = model.write(episode)
        assert memory.shape == (batch, SIZE, SIZE, DEPTH)
        terms = model.elbo(episode, rows)
        assert all(x.shape == (batch, length) for x in terms)
        assert np.all(np.isfinite(terms.bound))
        assert np.prod(memory.shape[1:]) == model.memory_floats


def test_pictures_have_their_shapes_and_ranges(model, episode, seeds):
    memory = model.write(episode)
    for images, count in (
        (model.generate(memory, 4, seeds), 4),
        (model.generate(memory, 1, seeds, tf.fill([BATCH], 0.5)), 1),
        (model.reconstruct(memory, episode[:, :2], seeds), 2),
        (model.refine(memory, episode), LENGTH),
        (model.generate_from_keys(memory, model.draw_keys(6, seeds)), 6),
    ):
        assert images.shape == (BATCH, count, *SHAPE)
        assert images.dtype == tf.float32
        assert np.all((images >= 0) & (images <= 1))


def test_samples_depend_on_seed_and_temperature(model, episode, seeds):
    memory = model.write(episode)
    other = noise.row_seeds([3, 4], BATCH)
    warm = model.generate(memory, 4, seeds)
    assert not np.allclose(warm, model.generate(memory, 4, other), atol=1e-4)
    np.testing.assert_array_equal(
        warm, model.generate(memory, 4, seeds, tf.ones([BATCH]))
    )
    cold = [model.generate(memory, 4, s, tf.zeros([BATCH])) for s in (seeds, other)]
    np.testing.assert_array_equal(*cold)
    np.testing.assert_allclose(cold[0], tf.repeat(cold[0][:, :1], 4, axis=1), atol=1e-6)


def test_prior_keys_are_standard_normal(allocated):
    keys = allocated.draw_keys(400, noise.row_seeds([1, 2], 4))
    assert keys.shape == (4, 400, 1, 3)
    assert stats.kstest(np.ravel(keys), "norm").pvalue > 1e-3


def test_same_seed_gives_the_same_bits(model, episode, seeds):
    one, two = (model.elbo(episode, seeds) for _ in range(2))
    for x, y in zip(one, two, strict=True):
        np.testing.assert_array_equal(x, y)
    other = model.elbo(episode, noise.row_seeds([1, 3], BATCH))
    assert not np.allclose(one.log_likelihood, other.log_likelihood, atol=1e-4)


def test_another_memory_changes_the_result(model, episode, seeds):
    memory = model.write(episode)
    own = model.elbo(episode, seeds)
    assert_terms(model.elbo(episode, seeds, memory=memory), own, rtol=1e-6)
    swapped = model.elbo(episode, seeds, memory=tf.roll(memory, 1, axis=0))
    assert not np.allclose(swapped.bound, own.bound, atol=1e-3)
    # The keys are the images' own: only what is read differs.
    np.testing.assert_array_equal(swapped.kl_keys, own.kl_keys)


def test_reconstruct_is_refine_with_drawn_keys(model, episode, seeds):
    memory = model.write(episode)
    mean = model.infer_keys(memory, episode)
    drawn = model.infer_keys(memory, episode, seeds)
    embeddings = model.encoder(episode)
    head = model.key_head if model.writer_name == "pooled" else model.allocator
    stddev = np.reshape(head(embeddings)[1], mean.shape)
    expected, _, _ = keys_and_kls(model, np.asarray(mean), stddev, seeds)
    np.testing.assert_allclose(drawn, expected, atol=1e-5)
    np.testing.assert_allclose(
        model.reconstruct(memory, episode, seeds),
        model.generate_from_keys(memory, drawn),
        atol=1e-6,
    )
    if model.writer_name == "pooled":
        np.testing.assert_allclose(mean, model.key_posterior(episode).mean(), atol=1e-6)


def test_model_survives_its_file(model, episode, seeds, tmp_path):
    path = tmp_path / "model.keras"
    model.save(path)
    copy = keras.saving.load_model(path)
    # A file holds lists where the constructor was given tuples.
    assert json.dumps(copy.get_config()) == json.dumps(model.get_config())
    assert_terms(copy.elbo(episode, seeds), model.elbo(episode, seeds), rtol=1e-5)
    memory = model.write(episode)
    np.testing.assert_allclose(copy.write(episode), memory, atol=1e-5)
    np.testing.assert_allclose(
        copy.generate(memory, 3, seeds), model.generate(memory, 3, seeds), atol=1e-5
    )


def test_every_weight_learns_and_a_step_lowers_the_bound(model, episode, seeds):
    before, weights = model.get_weights(), model.trainable_variables

    def loss():
        return tf.reduce_mean(model.elbo(episode, seeds).bound)

    gradients = gradients_of(loss, weights)
    for weight, gradient in zip(weights, gradients, strict=True):
        assert np.all(np.isfinite(gradient)), weight.path
        assert np.any(gradient != 0), f"{weight.path} does not learn"
    start = float(loss())
    optimizer = keras.optimizers.SGD(1e-3, global_clipnorm=1.0)
    optimizer.apply_gradients(zip(map(tf.constant, gradients), weights, strict=True))
    assert float(loss()) < start
    model.set_weights(before)


def test_graph_bound_agrees_with_eager(model, episode, seeds):
    graph = tf.function(model.elbo)
    expected = model.elbo(episode, seeds)
    assert_terms(graph(episode, seeds), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_xla_bound_agrees_with_eager(family, episode, seeds, monkeypatch):
    model = make_model(key_posterior=family)
    perturb(model, 0.15)

    # XLA draws other numbers from the same seed: give both the same.
    def waves(seeds, shape, salt):
        count = tf.reduce_prod(tf.stack(shape))
        phase = tf.cast(seeds[:, 1:], tf.float32) + salt
        drawn = 2 * tf.sin(phase + tf.cast(tf.range(count), tf.float32))
        return tf.reshape(drawn, [-1, *shape])

    monkeypatch.setattr(noise, "normal", waves)
    monkeypatch.setattr(noise, "uniform", lambda *row: (waves(*row) + 2) / 4)
    compiled = tf.function(model.elbo, jit_compile=True)
    expected = model.elbo(episode, seeds)
    assert_terms(compiled(episode, seeds), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("likelihood", ["logistic_mixture", "gaussian"])
def test_colour_images(likelihood):
    shape = (8, 8, 3)
    model = make_model(image_shape=shape, likelihood=likelihood)
    episode = np.random.default_rng(4).integers(0, 256, (2, 3, *shape)) / 255
    rows = noise.row_seeds([1, 2], 2)
    terms = model.elbo(episode, rows)  # float64, as numpy divides
    # Untrained, near 8 bits for each of 192 numbers.
    bits = -np.mean(terms.log_likelihood) / 192 / np.log(2)
    assert 6 < bits < 12
    images = model.generate(model.write(episode), 2, rows)
    assert images.shape == (2, 2, *shape)
    assert np.all((images >= 0) & (images <= 1))


def test_mixed_precision_keeps_the_bound_in_float32(episode, seeds):
    single = make_model()
    with precision("mixed_bfloat16"):
        mixed = make_model()
    mixed.set_weights(single.get_weights())
    got, expected = mixed.elbo(episode, seeds), single.elbo(episode, seeds)
    assert all(x.dtype == tf.float32 for x in got)
    assert_terms(got, expected, rtol=0.02, atol=0.5)


def test_bad_episodes_are_refused_by_every_method(allocated, episode, seeds):
    memory = allocated.write(episode)
    bad = episode * 255
    for method in (
        lambda: allocated.write(bad),
        lambda: allocated.elbo(bad, seeds),
        lambda: allocated.reconstruct(memory, bad, seeds),
        lambda: allocated.refine(memory, bad),
    ):
        with pytest.raises(ValueError, match="Received: values from 0.0 to 255.0"):
            method()


def test_unknown_writer_is_refused():
    with pytest.raises(ValueError, match=r"allocated.*pooled.*Received: 'slots'"):
        KanervaPlusPlus(**COMMON, writer="slots")

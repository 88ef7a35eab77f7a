"""VMA and DNC as generative memories: the contract, and what each promises."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from kpp_tf import models, noise

BATCH, LENGTH, SHAPE = 3, 5, (8, 8, 1)
NETWORKS = {
    "encoder": {
        "widths": (8,),
        "blocks": (1,),
        "stem_stride": 4,
        "shift": "none",
        "embedding_size": 12,
    },
    "decoder": {"widths": (8,), "blocks": (1,), "head_stride": 4, "hidden": 0},
}
COMMON = {
    "image_shape": SHAPE,
    "likelihood": "bernoulli",
    "episode_length": LENGTH,
    "latent_size": 3,
    **NETWORKS,
}


def _vma(**arguments):
    return models.VariationalMemoryAddressing(
        **{**COMMON, "item_size": 6, "key_size": 4, "address_samples": 0, **arguments}
    )


def _dnc(**arguments):
    sizes = {
        "num_slots": 6,
        "slot_size": 5,
        "num_read_heads": 2,
        "read_steps": 2,
        "controller_size": 9,
        "input_size": 7,
        "key_size": 4,
    }
    return models.GenerativeDNC(**{**COMMON, **sizes, **arguments})


def _vimco():
    return _vma(address_samples=3)


MODELS = [_vma, _vimco, _dnc]


def _built(make):
    keras.utils.set_random_seed(0)
    model = make()
    model.build_from_shapes()
    # Off the initial zeros, so that every input has a say in every output.
    random = np.random.default_rng(0)
    model.set_weights(
        [w + 0.2 * random.standard_normal(w.shape) for w in model.get_weights()]
    )
    return model


@pytest.fixture(scope="module", params=MODELS, ids=lambda make: make.__name__[1:])
def model(request):
    return _built(request.param)


@pytest.fixture(scope="module")
def episode():
    random = np.random.default_rng(1)
    return tf.constant(random.integers(0, 2, (BATCH, LENGTH, *SHAPE)), tf.float32)


@pytest.fixture(scope="module")
def seeds():
    return noise.row_seeds(tf.constant([1, 2]), BATCH)


def test_terms_have_the_contracts_shape_and_are_finite(model, episode, seeds):
    for analytic in (True, False):
        terms = model.elbo(episode, seeds, analytic=analytic)
        for term in terms:
            assert term.shape == (BATCH, LENGTH) and term.dtype == tf.float32
            assert np.all(np.isfinite(term))
        assert np.all(terms.kl_memory == 0)


def test_every_weight_learns(model, episode, seeds):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(model.elbo(episode, seeds).bound)
    for weight, gradient in zip(
        model.trainable_variables,
        tape.gradient(loss, [w.value for w in model.trainable_variables]),
        strict=True,
    ):
        assert gradient is not None, weight.path
        assert np.all(np.isfinite(gradient)), weight.path


def test_padding_changes_no_real_image(model, episode, seeds):
    # Noise has the episode's shape, so two paddings of one length are compared.
    mask = tf.constant([[1.0] * (LENGTH - 2) + [0.0] * 2] * BATCH)
    other = tf.concat([episode[:, :-2], 1.0 - episode[:, -2:]], axis=1)
    first = model.elbo(episode, seeds, mask=mask)
    second = model.elbo(other, seeds, mask=mask)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
        assert np.all(a[:, -2:] == 0)


def test_an_episode_of_padding_costs_nothing(model, episode, seeds):
    with tf.GradientTape() as tape:
        terms = model.elbo(episode, seeds, mask=tf.zeros([BATCH, LENGTH]))
        loss = tf.add_n([tf.reduce_sum(t) for t in terms])
    assert loss == 0
    gradients = tape.gradient(loss, [w.value for w in model.trainable_variables])
    assert all(np.all(np.isfinite(g)) for g in gradients if g is not None)


def test_an_episode_does_not_see_its_batch(model, episode, seeds):
    together = model.elbo(episode, seeds).bound
    alone = model.elbo(episode[1:2], seeds[1:2]).bound
    np.testing.assert_allclose(together[1:2], alone, rtol=1e-4)
    memory = model.write(episode)
    one = tf.nest.map_structure(lambda x: x[1:2], memory)
    images = model.generate(memory, 4, seeds)
    np.testing.assert_allclose(
        images[1:2], model.generate(one, 4, seeds[1:2]), rtol=1e-4, atol=1e-5
    )


def test_pictures_are_images(model, episode, seeds):
    memory = model.write(episode)
    queries = episode[:, :2]
    for images, count in (
        (model.generate(memory, 4, seeds), 4),
        (model.reconstruct(memory, queries, seeds), 2),
        (model.refine(memory, queries), 2),
    ):
        assert images.shape == (BATCH, count, *SHAPE)
        assert np.all((images >= 0) & (images <= 1))


def test_temperature_zero_takes_the_seed_out_of_the_latents(episode):
    model = _built(_dnc)
    memory = model.write(episode)
    draws = [
        model.generate(memory, 3, noise.row_seeds([s, s], BATCH), tf.zeros([BATCH]))
        for s in (1, 2)
    ]
    np.testing.assert_array_equal(*draws)


def test_another_memory_can_be_scored(model, episode, seeds):
    memory = tf.nest.map_structure(
        lambda x: tf.roll(x, 1, axis=0), model.write(episode)
    )
    own = model.elbo(episode, seeds).bound
    swapped = model.elbo(episode, seeds, memory=memory).bound
    assert np.all(np.isfinite(swapped))
    assert not np.allclose(own, swapped, rtol=1e-4)


def test_model_survives_its_config(model, episode, seeds, tmp_path):
    path = tmp_path / "model.keras"
    model.save(path)
    copy = keras.saving.load_model(path)
    np.testing.assert_allclose(
        model.elbo(episode, seeds).bound, copy.elbo(episode, seeds).bound, rtol=1e-6
    )


def test_graph_mode_agrees_with_eager(model, episode, seeds):
    graph = tf.function(lambda *x: model.elbo(*x).bound)(episode, seeds)
    np.testing.assert_allclose(graph, model.elbo(episode, seeds).bound, rtol=1e-4)


def test_memory_floats_are_what_is_stored(episode):
    vma, dnc = _built(_vma), _built(_dnc)
    assert vma.memory_floats == np.size(vma.write(episode).items[0])
    stored = sum(np.size(part[0]) for part in dnc.write(episode))
    assert dnc.memory_floats == stored


def _log_normal(value, mean, stddev):
    return stats.norm.logpdf(value, mean, stddev).sum(-1)


def test_vma_bound_equals_enumeration(episode, seeds):
    """Every address by itself, its KLs and Bernoulli likelihood in numpy."""
    model = _built(_vma)
    terms = model.elbo(episode, seeds)
    estimate = model.elbo(episode, seeds, analytic=False)
    embeddings = model.encoder(episode)
    items, occupied = model.write(episode)
    support = tf.ones([BATCH, LENGTH, LENGTH], tf.bool)
    log_q = np.float64(model.addressing(embeddings, items, support))
    draws = noise.normal(seeds, (LENGTH, LENGTH, 3), salt=2)  # LATENT_SALT
    bound = np.zeros((BATCH, LENGTH))
    log_weights = np.zeros((BATCH, LENGTH, LENGTH))
    for slot in range(LENGTH):
        item = tf.repeat(items[:, slot : slot + 1], LENGTH, axis=1)
        mean, stddev = model.latent_posterior(tf.concat([embeddings, item], -1))
        prior_mean, prior_stddev = model.latent_prior(item)
        latents = mean + stddev * draws[:, :, slot]
        logits = np.float64(model.decoder(tf.concat([latents, item], -1)))
        log_likelihood = np.sum(
            episode * logits - np.logaddexp(0, logits), axis=(2, 3, 4)
        )
        m, s, pm, ps, z = (
            np.float64(x) for x in (mean, stddev, prior_mean, prior_stddev, latents)
        )
        kl = np.sum(np.log(ps / s) + (s**2 + (m - pm) ** 2) / (2 * ps**2) - 0.5, -1)
        q = np.exp(log_q[..., slot])
        bound += q * (log_likelihood - kl - log_q[..., slot] + np.log(1 / LENGTH))
        ratio = _log_normal(z, m, s) - _log_normal(z, pm, ps)
        log_weights[..., slot] = log_likelihood - ratio - np.log(LENGTH)
    np.testing.assert_allclose(terms.bound, -bound, rtol=1e-4)
    evidence = special.logsumexp(log_weights, axis=-1)
    np.testing.assert_allclose(estimate.bound, -evidence, rtol=1e-4)
    assert np.all(occupied == 1)


def test_more_vimco_samples_come_closer_to_the_evidence(episode):
    """E[L_K] rises with K: the mean over seeds, with its error bar."""
    few, many = (
        _built(lambda: _vma(address_samples=2)),
        _built(lambda: _vma(address_samples=16)),
    )
    bounds = {2: [], 16: []}
    for number in range(30):
        row = noise.row_seeds(tf.constant([number, 0]), BATCH)
        bounds[2].append(tf.reduce_mean(few.elbo(episode, row).bound))
        bounds[16].append(tf.reduce_mean(many.elbo(episode, row).bound))
    difference = np.array(bounds[2]) - np.array(bounds[16])
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    assert difference.mean() > 2 * error


def test_vimco_takes_the_sampled_ratio_whatever_is_asked(episode, seeds):
    # A closed-form KL inside the logarithm would make its value no bound.
    model = _built(_vimco)
    np.testing.assert_array_equal(
        model.elbo(episode, seeds, analytic=True).bound,
        model.elbo(episode, seeds, analytic=False).bound,
    )


def test_vma_draws_only_occupied_slots(episode, seeds):
    model = _built(_vma)
    mask = tf.constant([[1.0, 0.0, 0.0, 0.0, 0.0]] * BATCH)
    memory = model.write(episode, mask)
    assert np.all(memory.items[:, 1:] == 0)
    zero = tf.zeros([BATCH])
    images = model.generate(memory, 20, seeds, temperature=zero)
    # One slot and no noise: one picture.
    np.testing.assert_allclose(images, tf.repeat(images[:, :1], 20, axis=1), atol=1e-6)


def test_dnc_memory_depends_on_the_order_of_writing(episode):
    model = _built(_dnc)
    forward, backward = model.write(episode), model.write(episode[:, ::-1])
    assert not np.allclose(forward.link, backward.link, atol=1e-4)


def test_wrong_arguments_say_what_to_do():
    with pytest.raises(ValueError, match=r"at least 2 \(VIMCO\)\. Received: 1"):
        _vma(address_samples=1)

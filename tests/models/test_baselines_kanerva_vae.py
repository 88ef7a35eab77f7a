"""DKM, KM and the VAE as generative memories: the contract, and what each promises."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kpp_tf import models, noise
from kpp_tf.layers.linear_gaussian import GaussianMemory

BATCH, LENGTH, SHAPE = 3, 5, (8, 8, 1)
ENCODER = {
    "widths": (8,),
    "blocks": (1,),
    "stem_stride": 4,
    "shift": "none",
    "embedding_size": 12,
}
DECODER = {"widths": (8,), "blocks": (1,), "head_stride": 4, "hidden": 0}
COMMON = {
    "image_shape": SHAPE,
    "likelihood": "bernoulli",
    "episode_length": LENGTH,
    "encoder": ENCODER,
    "decoder": DECODER,
}


def _dkm(**arguments):
    sizes = {
        "slots": 6,
        "code_size": 10,
        "write_form": "batch",
        "write_passes": 2,
        "prior_scale": 1.0,
        "memory_kl": False,
    }
    return models.DynamicKanervaMachine(**{**COMMON, **sizes, **arguments})


def _dkm_tsm():
    return _dkm(encoder={**ENCODER, "shift": "bidirectional"})


def _dkm_sequential():
    return _dkm(write_form="sequential", prior_scale=0.5)


def _dkm_memory_kl():
    return _dkm(memory_kl=True)


def _km(**arguments):
    sizes = {
        "slots": 6,
        "code_size": 10,
        "key_size": 4,
        "address_size": 5,
        "prior_scale": 1.0,
        "memory_kl": False,
    }
    return models.KanervaMachine(**{**COMMON, **sizes, **arguments})


def _km_memory_kl():
    return _km(memory_kl=True)


def _vae(**arguments):
    return models.VariationalAutoencoder(**{**COMMON, "latent_size": 3, **arguments})


MODELS = [_dkm_memory_kl, _dkm_tsm, _dkm_sequential, _km, _km_memory_kl, _vae]


def _built(make):
    keras.utils.set_random_seed(0)
    model = make()
    model.build_from_shapes()
    # Off the initial zeros, so that every input has a say in every output.
    random = np.random.default_rng(0)
    model.set_weights(
        [w + 0.1 * random.standard_normal(w.shape) for w in model.get_weights()]
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


def test_terms_have_the_contract_s_shape_and_are_finite(model, episode, seeds):
    for analytic in (True, False):
        for term in model.elbo(episode, seeds, analytic=analytic):
            assert term.shape == (BATCH, LENGTH) and term.dtype == tf.float32
            assert np.all(np.isfinite(term))


def test_every_weight_learns(model, episode, seeds):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(model.elbo(episode, seeds).bound)
    gradients = tape.gradient(loss, [w.value for w in model.trainable_variables])
    for weight, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, weight.path
        assert np.all(np.isfinite(gradient)), weight.path


def test_graph_agrees_with_eager_and_its_steps_lower_the_loss(model, episode, seeds):
    keras.utils.set_random_seed(0)
    model = type(model).from_config(model.get_config())
    model.build_from_shapes()
    optimizer = keras.optimizers.Adam(3e-3)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model.elbo(episode, seeds).bound)
        weights = model.trainable_variables
        optimizer.apply(tape.gradient(loss, [w.value for w in weights]), weights)
        return loss

    eager = float(tf.reduce_mean(model.elbo(episode, seeds).bound))
    losses = [float(step()) for _ in range(10)]
    assert losses[0] == pytest.approx(eager, rel=1e-4)
    assert losses[-1] < losses[0]


def test_padding_changes_no_real_image(model, episode, seeds):
    mask = tf.constant([[1.0] * (LENGTH - 2) + [0.0] * 2] * BATCH)
    other = tf.concat([episode[:, :-2], 1.0 - episode[:, -2:]], axis=1)
    first = model.elbo(episode, seeds, mask=mask)
    second = model.elbo(other, seeds, mask=mask)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
        assert np.all(a[:, -2:] == 0)


def test_padding_costs_what_the_shorter_episode_costs(model, episode, seeds):
    """Deterministic terms of T=3 of 5 equal those of an episode of three."""
    mask = tf.constant([[1.0] * (LENGTH - 2) + [0.0] * 2] * BATCH)
    padded = model.elbo(episode, seeds, mask=mask).kl_memory
    short = model.elbo(episode[:, :-2], seeds).kl_memory
    np.testing.assert_allclose(padded[:, :-2], short, rtol=1e-4)


def test_an_episode_of_padding_costs_nothing(model, episode, seeds):
    with tf.GradientTape() as tape:
        terms = model.elbo(episode, seeds, mask=tf.zeros([BATCH, LENGTH]))
        loss = tf.add_n([tf.reduce_sum(t) for t in terms])
    assert loss == 0
    gradients = tape.gradient(loss, [w.value for w in model.trainable_variables])
    assert all(np.all(np.isfinite(g)) for g in gradients if g is not None)


def test_permuted_episodes_give_permuted_results(model, episode, seeds):
    order = tf.constant([2, 0, 1])
    bound = model.elbo(episode, seeds).bound
    permuted = model.elbo(tf.gather(episode, order), tf.gather(seeds, order)).bound
    np.testing.assert_allclose(tf.gather(bound, order), permuted, rtol=1e-4)
    alone = model.elbo(episode[1:2], seeds[1:2]).bound
    np.testing.assert_allclose(bound[1:2], alone, rtol=1e-4)


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


def test_temperature_zero_takes_the_seed_out(model, episode):
    memory = model.write(episode)
    draws = [
        model.generate(memory, 3, noise.row_seeds([s, s], BATCH), tf.zeros([BATCH]))
        for s in (1, 2)
    ]
    np.testing.assert_array_equal(*draws)


def test_generation_depends_on_seed_row_alone(model, episode, seeds):
    memory = model.write(episode)
    one = tf.nest.map_structure(lambda x: x[1:2], memory)
    np.testing.assert_allclose(
        model.generate(memory, 4, seeds)[1:2],
        model.generate(one, 4, seeds[1:2]),
        rtol=1e-4,
        atol=1e-5,
    )


def test_model_survives_its_config(model, episode, seeds, tmp_path):
    path = tmp_path / "model.keras"
    model.save(path)
    copy = keras.saving.load_model(path)
    np.testing.assert_allclose(
        model.elbo(episode, seeds).bound, copy.elbo(episode, seeds).bound, rtol=1e-6
    )


def test_memory_floats_are_what_is_stored(model, episode):
    parts = tf.nest.flatten(model.write(episode))
    assert model.memory_floats == sum(np.size(part[0]) for part in parts)


@pytest.mark.parametrize("make", [_dkm, _km])
def test_a_constant_episode_has_finite_terms(make, seeds):
    model = _built(make)
    with tf.GradientTape() as tape:
        terms = model.elbo(tf.ones([BATCH, 32, *SHAPE]), seeds)
        loss = tf.reduce_sum(terms.bound)
    assert np.isfinite(loss)
    for gradient in tape.gradient(loss, [w.value for w in model.trainable_variables]):
        assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize("make", [_dkm_memory_kl, _km_memory_kl])
def test_memory_kl_is_shared_among_real_images(make, episode, seeds):
    model = _built(make)
    mask = tf.constant([[1.0] * 5, [1.0] * 3 + [0.0] * 2, [1.0] + [0.0] * 4])
    terms = model.elbo(episode, seeds, mask=mask)
    total = model.memory.kl_memory(model.write(episode, mask))
    np.testing.assert_allclose(tf.reduce_sum(terms.kl_memory, axis=1), total, rtol=1e-5)
    assert np.all(total > 0)


@pytest.mark.parametrize("make", [_dkm_memory_kl, _km_memory_kl])
def test_memory_kl_can_be_left_out(make, episode, seeds):
    model = _built(make)
    config = {**model.get_config(), "memory_kl": False}
    without = type(model).from_config(config)
    without.build_from_shapes()
    without.set_weights(model.get_weights())
    counted, free = (m.elbo(episode, seeds) for m in (model, without))
    assert np.all(free.kl_memory == 0)
    np.testing.assert_allclose(free.bound, counted.bound - counted.kl_memory, rtol=1e-4)


def _kl_to_standard(mean, stddev):
    return np.sum(0.5 * (mean**2 + stddev**2 - 1) - np.log(stddev), axis=-1)


def _log_bernoulli(images, logits):
    return np.sum(images * logits - np.logaddexp(0, logits), axis=(2, 3, 4))


def test_dkm_terms_equal_numpy(episode, seeds):
    """The memory drawn, the weights inferred in it, the likelihood: in float64."""
    model = _built(_dkm)
    terms = model.elbo(episode, seeds)
    memory = model.write(episode)
    codes = np.float64(model.code(model.encoder(episode)))
    drawn = np.float64(noise.normal(seeds, (6, 10), salt=3))
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


def test_km_terms_equal_numpy(episode, seeds):
    model = _built(_km)
    terms = model.elbo(episode, seeds)
    memory = model.write(episode)
    embeddings = np.float64(model.encoder(episode))
    key_mean, key_stddev = (
        np.float64(x) for x in model.key_head(np.float32(embeddings))
    )
    keys = key_mean + key_stddev * np.float64(noise.normal(seeds, (LENGTH, 4), salt=1))
    drawn = np.float64(noise.normal(seeds, (6, 10), salt=3))
    matrix = np.float64(memory.mean) + np.float64(memory.scale) @ drawn
    top_down = np.float64(model.memory.weights_of(np.float32(keys))) @ matrix
    both = np.concatenate([embeddings, top_down], axis=-1)
    change, stddev = (np.float64(x) for x in model.correction(np.float32(both)))
    sigma = np.sqrt(float(model.memory.noise_variance))
    # KL[N(r + d, s^2) || N(r, sigma^2)] is that of the whitened pair to N(0, I).
    kl = _kl_to_standard(change / sigma, stddev / sigma)
    np.testing.assert_allclose(terms.kl_latents, kl, rtol=1e-4)
    np.testing.assert_allclose(
        terms.kl_keys, _kl_to_standard(key_mean, key_stddev), rtol=1e-4
    )
    latents = noise.normal(seeds, (LENGTH, 10), salt=2) * stddev + top_down + change
    logits = np.float64(model.decoder(np.float32(latents)))
    expected = _log_bernoulli(episode.numpy(), logits)
    np.testing.assert_allclose(terms.log_likelihood, expected, rtol=1e-4)


@pytest.mark.parametrize("make", [_dkm, _km, _vae])
def test_sampled_kls_average_to_the_analytic_ones(make, episode):
    """With the memory at its mean in both, over 200 seeds, within four errors."""
    model = _built(make)
    count = 200
    episodes = tf.repeat(episode[:1], count, axis=0)
    seeds = noise.row_seeds(tf.constant([3, 7]), count)
    memory = model.write(episodes)
    if isinstance(memory, GaussianMemory):  # a draw of it is its mean
        memory = memory._replace(scale=tf.zeros_like(memory.scale))
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
    model = _built(_dkm)
    memory = model.write(episode)
    drawn = noise.normal(seeds, (6, 10), salt=3)
    matrix = memory.mean + 0.5 * tf.matmul(memory.scale, drawn)
    weights = 0.5 * noise.normal(seeds, (4, 6), salt=1)
    expected = tf.sigmoid(model.decoder(tf.matmul(weights, matrix)))
    images = model.generate(memory, 4, seeds, tf.fill([BATCH], 0.5))
    np.testing.assert_allclose(images, expected, atol=1e-5)


def test_dkm_reads_back_what_it_wrote_better_than_another_memory(episode, seeds):
    model = _built(_dkm)
    codes = model._codes(model.embed(episode))
    own = model.write(episode)
    other = own._replace(mean=tf.roll(own.mean, 1, axis=0))

    def error(memory):
        return np.mean((model.memory.read(memory.mean, codes)[0] - codes) ** 2)

    assert error(own) < 0.9 * error(other)


def test_tsm_lets_frames_of_an_episode_speak(episode):
    """A change of the last frame reaches the code of the one before it only by TSM."""
    changed = tf.concat([episode[:, :-1], 1.0 - episode[:, -1:]], axis=1)
    for make, speaks in ((_dkm, False), (_dkm_tsm, True)):
        model = _built(make)
        before = model._codes(model.embed(episode))[:, -2]
        after = model._codes(model.embed(changed))[:, -2]
        assert np.allclose(before, after, atol=1e-6) is not speaks


def test_vae_ignores_memory_and_neighbours(episode, seeds):
    model = _built(_vae)
    assert model.write(episode).shape == (BATCH, 0) and model.memory_floats == 0
    changed = tf.concat([episode[:, :1], 1.0 - episode[:, 1:]], axis=1)
    np.testing.assert_allclose(
        model.elbo(episode, seeds).bound[:, 0],
        model.elbo(changed, seeds).bound[:, 0],
        rtol=1e-5,
    )
    with pytest.raises(ValueError, match="Received: shift='causal'"):
        _vae(encoder={**ENCODER, "shift": "causal"})

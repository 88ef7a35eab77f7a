"""The contract of `MemoryModel`, over the baselines; Kanerva++ has its own tests."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.errors import UserError
from tests.layer_checks import precision
from tests.models.tiny_models import BATCH, LENGTH, MODELS, SHAPE

MASK = np.float32([[1, 1, 1, 0, 0]] * BATCH)
WRITTEN = np.float32([[1, 0, 1, 1, 0], [0, 1, 1, 0, 1], [0, 0, 0, 0, 1]])


@pytest.fixture(scope="module", params=MODELS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def model(name):
    return MODELS[name]()


def _all_close(first, second, rtol=1e-4, atol=1e-5):
    for a, b in zip(tf.nest.flatten(first), tf.nest.flatten(second), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


def test_terms_are_finite_numbers_an_image(model, episode, seeds):
    for analytic in (True, False):
        for term in model.elbo(episode, seeds, analytic=analytic):
            assert term.shape == (BATCH, LENGTH) and term.dtype == tf.float32
            assert np.all(np.isfinite(term))


def test_mixed_precision_keeps_the_bound_in_float32(name, model, episode, seeds):
    with precision("mixed_bfloat16"):
        mixed = MODELS[name]()
    mixed.set_weights(model.get_weights())
    assert mixed.encoder.compute_dtype == "bfloat16"
    got, expected = (m.elbo(episode, seeds) for m in (mixed, model))
    assert all(term.dtype == tf.float32 for term in got)
    np.testing.assert_allclose(np.mean(got.bound), np.mean(expected.bound), rtol=0.05)


def test_a_graph_agrees_and_every_weight_learns(name, model, episode, seeds):
    weights = model.trainable_variables

    @tf.function
    def graph():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model.elbo(episode, seeds).bound)
        return loss, tape.gradient(loss, [w.value for w in weights])

    loss, gradients = graph()
    eager = tf.reduce_mean(model.elbo(episode, seeds).bound)
    np.testing.assert_allclose(loss, eager, rtol=1e-4)
    for weight, gradient in zip(weights, gradients, strict=True):
        assert gradient is not None, weight.path
        assert np.all(np.isfinite(gradient)), weight.path
        assert np.any(gradient != 0), weight.path
    if name == "vimco":  # its gradient is right on average alone
        return
    step = 0.02 / tf.linalg.global_norm(gradients)
    before = model.get_weights()
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.assign_sub(step * gradient)
    assert tf.reduce_mean(model.elbo(episode, seeds).bound) < eager
    model.set_weights(before)


def test_an_episode_does_not_see_its_batch(model, episode, seeds):
    order = [2, 0, 1]
    terms = model.elbo(episode, seeds)
    permuted = model.elbo(tf.gather(episode, order), tf.gather(seeds, order))
    _all_close(permuted, [tf.gather(term, order) for term in terms])
    _all_close(model.elbo(episode[1:2], seeds[1:2]), [term[1:2] for term in terms])
    memory = model.write(episode)
    one = tf.nest.map_structure(lambda part: part[1:2], memory)
    images = model.generate(memory, 4, seeds)
    _all_close(images[1:2], model.generate(one, 4, seeds[1:2]))


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


def test_temperature_zero_takes_the_seed_out(name, model, episode):
    memory = model.write(episode)
    written = None
    if name in ("vma", "vimco"):  # the address is drawn at any temperature
        written = np.float32([[1, 0, 0, 0, 0]] * BATCH)
    memory = model.write(episode, written=written)
    draws = [
        model.generate(memory, 3, noise.row_seeds([s, s], BATCH), tf.zeros([BATCH]))
        for s in (1, 2)
    ]
    np.testing.assert_array_equal(*draws)


def test_memory_floats_are_what_is_stored(name, model, episode):
    memory = model.write(episode)
    if name in ("vma", "vimco"):  # which slots are taken is no content
        memory = memory.items
    stored = sum(np.size(part[0]) for part in tf.nest.flatten(memory))
    assert model.memory_floats == stored


def test_a_model_survives_its_file(model, episode, seeds, tmp_path):
    path = tmp_path / "model.keras"
    model.save(path)
    copy = keras.saving.load_model(path)
    _all_close(model.elbo(episode, seeds), copy.elbo(episode, seeds), rtol=1e-6)


def test_training_takes_the_importance_weighted_bound(model, episode, seeds):
    found = model.training_terms(episode, seeds, mask=MASK, samples=2).elbo.bound
    samples = [
        -model.elbo(episode, own, MASK, analytic=False).bound
        for own in noise.copies(seeds, 2)
    ]
    expected = np.log(2) - np.logaddexp(*samples)
    np.testing.assert_allclose(found, expected * MASK, rtol=1e-4, atol=1e-4)


def test_padding_changes_no_real_image(model, episode, seeds):
    # Noise has the episode's shape, so two paddings of one length are compared.
    other = tf.concat([episode[:, :3], 1 - episode[:, 3:]], axis=1)
    first, second = (model.elbo(x, seeds, mask=MASK) for x in (episode, other))
    _all_close(first, second, rtol=1e-5)
    assert all(np.all(term[:, 3:] == 0) for term in first)


@pytest.mark.parametrize("frames", [[0, 1, 2], [0, 2, 3], [1, 4]])
def test_the_memory_is_that_of_the_written_frames_alone(model, episode, seeds, frames):
    written = np.float32([[t in frames for t in range(LENGTH)]] * BATCH)
    among = model.write(episode, written=written)
    alone = model.write(tf.gather(episode, frames, axis=1))
    images = (model.generate(memory, 4, seeds) for memory in (among, alone))
    np.testing.assert_allclose(*images, atol=1e-5)
    for one, other in zip(*map(tf.nest.flatten, (among, alone)), strict=True):
        if one.shape == other.shape:  # VMA has a slot for each frame
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_an_episode_of_padding_costs_nothing(model, episode, seeds):
    with tf.GradientTape() as tape:
        terms = model.elbo(episode, seeds, mask=tf.zeros([BATCH, LENGTH]))
        loss = tf.add_n([tf.reduce_sum(term) for term in terms])
    assert loss == 0
    gradients = tape.gradient(loss, [w.value for w in model.trainable_variables])
    assert all(np.all(np.isfinite(g)) for g in gradients if g is not None)


def test_what_is_not_written_leaves_no_trace(name, model, episode, seeds):
    kept = WRITTEN[..., None, None, None] > 0
    other = tf.where(kept, episode, 1 - episode)
    memories = (model.write(x, written=WRITTEN) for x in (episode, other))
    for one, two in zip(*map(tf.nest.flatten, memories), strict=True):
        np.testing.assert_array_equal(one, two)
    first, second = (model.elbo(x, seeds, written=WRITTEN) for x in (episode, other))
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one[WRITTEN > 0], two[WRITTEN > 0])
    changed = np.abs(first.bound - second.bound)
    assert np.all(changed[WRITTEN == 0] > 1e-3)


def test_what_is_written_is_what_the_memory_holds(name, model, episode, seeds):
    memory = model.write(episode, written=WRITTEN)
    given = model.elbo(episode, seeds, memory=memory)
    if name != "dkm_tsm":  # its frames see each other under a given memory
        _all_close(model.elbo(episode, seeds, written=WRITTEN), given, rtol=1e-6)
    whole = model.elbo(episode, seeds)
    _all_close(model.elbo(episode, seeds, written=np.ones_like(WRITTEN)), whole)
    if not name.startswith("vae"):
        assert not np.allclose(given.bound, whole.bound, rtol=1e-4)


def test_no_frame_at_all_is_the_empty_memory(model, episode, seeds):
    none = model.write(episode[:, :0])
    unwritten = model.write(episode, written=tf.zeros([BATCH, LENGTH]))
    images = [model.generate(memory, 4, seeds) for memory in (none, unwritten)]
    np.testing.assert_allclose(*images, atol=1e-6)
    for analytic in (True, False):
        for term in model.elbo(episode[:, :0], seeds, analytic=analytic):
            assert term.shape == (BATCH, 0)
        terms = model.elbo(episode, seeds, memory=none, analytic=analytic)
        assert all(np.all(np.isfinite(term)) for term in terms)


def test_no_frame_written_gives_finite_terms_and_gradients(model, episode, seeds):
    with tf.GradientTape() as tape:
        terms = model.elbo(episode, seeds, written=tf.zeros([BATCH, LENGTH]))
        loss = tf.reduce_sum(terms.bound)
    assert all(np.all(np.isfinite(term)) for term in terms)
    gradients = tape.gradient(loss, [w.value for w in model.trainable_variables])
    assert all(np.all(np.isfinite(g)) for g in gradients if g is not None)


@pytest.mark.parametrize("method", ["write", "elbo"])
def test_a_wrong_written_is_refused(model, episode, seeds, method):
    arguments = (episode, seeds) if method == "elbo" else (episode,)
    for written in (WRITTEN[:, :-1], 0.5 * WRITTEN):
        with pytest.raises(UserError, match="written must .* Received"):
            getattr(model, method)(*arguments, written=written)


def test_a_memory_of_another_batch_is_refused(model, episode, seeds):
    memory = model.write(episode[:2])
    for method in (
        lambda: model.elbo(episode, seeds, memory=memory),
        lambda: model.reconstruct(memory, episode, seeds),
        lambda: model.refine(memory, episode),
        lambda: tf.function(model.refine)(memory, episode),
    ):
        with pytest.raises(UserError, match="Received: 2 memories, images of 3 epis"):
            method()
    with pytest.raises(UserError, match=r"seeds must be int32 \[2, 2\]"):
        model.generate(memory, 2, seeds)


def test_seeds_of_another_batch_are_refused(model, episode, seeds):
    memory = model.write(episode)
    for method in (
        lambda: model.elbo(episode, seeds[:1]),
        lambda: model.reconstruct(memory, episode, seeds[:1]),
        lambda: model.generate(memory, 2, seeds[:1]),
    ):
        with pytest.raises(UserError, match=r"seeds must .*\[3, 2\].*Received"):
            method()


def test_samples_and_temperatures_below_0_are_refused(model, episode, seeds):
    memory = model.write(episode)
    for count, temperature, message in (
        (-1, None, "num_samples must be 0 or more. Received: -1"),
        (2, [1.0, 1.0, -1.0], r"temperature must be 0 or more.*\[1.0, 1.0, -1.0\]"),
        (2, [1.0, 1.0, np.nan], "temperature must be 0 or more, and finite"),
        (2, [1.0], r"temperature must be one number for each row, \[3\]"),
    ):
        with pytest.raises(UserError, match=message):
            model.generate(memory, count, seeds, temperature)
    assert model.generate(memory, 0, seeds).shape == (BATCH, 0, *SHAPE)

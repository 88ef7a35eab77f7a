"""What K++ asks training to learn: the terms of a step, and that all weights do."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from kpp_tf import noise
from kpp_tf.models import Elbo
from tests.layer_checks import gradients_of
from tests.models.kanerva_plus_plus.tiny import (
    BATCH,
    BLOCKS,
    LENGTH,
    MASK,
    assert_terms,
    make_model,
    random_episode,
)


@pytest.mark.parametrize("explored", [0.0, 1.0])
def test_training_scores_every_frame_twice(explored, episode, seeds):
    model = make_model(**BLOCKS, explored=explored)
    terms = model.training_terms(episode, seeds, MASK, MASK)
    stored = Elbo(*(x[:, :LENGTH] for x in terms.elbo))
    unseen = Elbo(*(x[:, LENGTH:] for x in terms.elbo))
    for found, expected in (
        (stored, model.elbo(episode, seeds, MASK)),
        (unseen, model.predictive_elbo(episode, seeds, MASK)),
    ):
        if explored:
            assert np.all((found.kl_keys != expected.kl_keys) | (MASK == 0))
        else:
            assert_terms(found, expected)
    np.testing.assert_array_equal(terms.real, np.tile(MASK, [1, 2]))
    np.testing.assert_array_equal(
        terms.held, np.concatenate([MASK, np.zeros_like(MASK)], axis=1)
    )
    # An image that is alone in its episode has its neighbours in others.
    np.testing.assert_array_equal(terms.auxiliary.numpy() > 0, MASK > 0)


def test_samples_of_a_frame_read_by_one_region(episode, seeds):
    """What is recalled by hand; of what is not, that no sample explores elsewhere."""
    model = make_model(**BLOCKS, explored=0.0)
    found = Elbo(*(x[:, :LENGTH] for x in _taught(model, episode, seeds, 3)))
    samples = [
        -model.elbo(episode, own, MASK, analytic=False).bound.numpy()
        for own in noise.copies(seeds, 3)
    ]
    expected = np.log(3) - special.logsumexp(samples, axis=0)
    np.testing.assert_allclose(found.bound, expected * MASK, rtol=1e-4, atol=1e-4)
    assert np.all((np.ptp(samples, axis=0) > 0) | (MASK == 0))
    box = make_model(**BLOCKS, explored=0.5, key_posterior="box")
    costs = [_taught(box, episode, seeds, n).kl_keys for n in (1, 3)]
    np.testing.assert_allclose(*costs, rtol=1e-5)


def _taught(model, episode, seeds, samples):
    return model.training_terms(episode, seeds, MASK, samples=samples).elbo


def test_a_share_of_what_was_not_written_reads_what_is_near():
    """Known by the cost of their keys: a block of nine, a quarter of its scales."""
    batch, length = 40, 6
    model = make_model(near=0.3, explored=0.0)
    episode = random_episode(length, batch=batch)
    terms = model.training_terms(episode, noise.row_seeds([1, 2], batch))
    costs = terms.elbo.kl_keys[:, length:].numpy()
    # finest 0.4, 3 x 3 blocks, scales from 0.4 to 0.7 that read one block or more.
    scales = 0.3 * 0.25 * np.log(1 / 0.4) / np.log(2 * 3 / 0.4)
    place = (1 - 0.4**0.5) / 3
    near = np.abs(costs + np.log(scales * place**2)) < 1e-3
    assert not np.any(near[:, 0])  # when nothing was held
    share = near[:, 1:].mean()
    assert abs(share - 0.3) < 4.5 * np.sqrt(0.3 * 0.7 / near[:, 1:].size)


def test_recalled_frames_alone_read_a_memory_with_rounding_noise(episode, seeds):
    smooth, rough = (
        make_model(explored=0.0, rounding=share).training_terms(episode, seeds, MASK)
        for share in (0.0, 0.3)
    )
    change = np.abs(rough.elbo.bound - smooth.elbo.bound)
    assert np.all(change[:, :LENGTH][MASK > 0] > 1e-3)
    assert np.all(change[:, LENGTH:] == 0)


@pytest.mark.parametrize("allocation", ["content", "turn"])
@pytest.mark.parametrize("family", ["box", "gaussian"])
def test_looking_around_is_cheap_from_the_start(family, allocation, episode, seeds):
    """All of the memory costs -ln(1 - scale_high), and a place next to nothing."""
    model = make_model(moved=0, key_posterior=family, allocation=allocation)
    none = np.zeros((BATCH, LENGTH), np.float32)
    terms = model.elbo(episode, seeds, written=none)
    assert np.max(terms.kl_keys) < -np.log(0.3) + 3
    assert np.max(terms.bound) < 64  # a bit a pixel, and little more


def test_dealing_by_turn_has_no_map_to_learn(gaussian, episode, seeds):
    auxiliary = gaussian.training_terms(episode, seeds).auxiliary
    np.testing.assert_array_equal(auxiliary, np.zeros((BATCH, LENGTH)))


def test_every_weight_learns(model, episode, seeds):
    """All of them: the bound teaches the rest, the map's loss the places."""
    weights = model.trainable_variables

    def loss():
        terms = model.training_terms(episode, seeds)
        return tf.reduce_mean(terms.elbo.bound) + tf.reduce_mean(terms.auxiliary)

    gradients = gradients_of(loss, weights)
    for weight, gradient in zip(weights, gradients, strict=True):
        assert np.all(np.isfinite(gradient)), weight.path
        assert np.any(gradient != 0), f"{weight.path} does not learn"


def test_every_weight_learns_from_the_first_steps_on(episode, seeds):
    """From the start, where heads are zero: nothing stays there for ever."""
    model = make_model(moved=0)
    optimizer = keras.optimizers.Adam(1e-2)
    weights = model.trainable_variables
    before = model.get_weights()

    def loss():
        terms = model.training_terms(episode, seeds)
        return tf.reduce_mean(terms.elbo.bound) + tf.reduce_mean(terms.auxiliary)

    losses = []
    for _ in range(3):
        losses.append(float(loss()))
        gradients = gradients_of(loss, weights)
        assert all(np.all(np.isfinite(g)) for g in gradients)
        pairs = zip(map(tf.constant, gradients), weights, strict=True)
        optimizer.apply_gradients(pairs)
    assert losses[-1] < losses[0]
    for weight, old in zip(model.weights, before, strict=True):
        assert np.any(weight.numpy() != old), f"{weight.path} did not change"


def test_places_learn_from_the_map_alone(box, episode, seeds):
    places = box.writer.place.trainable_variables
    known = {id(w) for w in places}
    others = [w for w in box.trainable_variables if id(w) not in known]
    with tf.GradientTape(persistent=True) as tape:
        terms = box.training_terms(episode, seeds)
        bound = tf.reduce_sum(terms.elbo.bound)
        loss = tf.reduce_sum(terms.auxiliary)
    assert all(
        g is None or np.all(g == 0)
        for g in tape.gradient(bound, [w.value for w in places])
    )
    assert all(
        g is None or np.all(g == 0)
        for g in tape.gradient(loss, [w.value for w in others])
    )

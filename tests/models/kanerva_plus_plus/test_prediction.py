"""K++ scores images that it was not told to have: the next one, and any."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.models import Elbo
from tests.models.kanerva_plus_plus.tiny import (
    BATCH,
    LENGTH,
    MASK,
    assert_terms,
    make_model,
    random_episode,
    with_shift,
)


def test_prediction_is_the_bound_under_what_came_before(model, seeds):
    """Column t of the bound under the first t frames; beyond capacity too."""
    length = model.capacity + 2
    episode = random_episode(length, 2)
    episode[:, 3] = episode[:, 1]  # a copy
    elbo = tf.function(model.elbo)
    told = model.predictive_elbo(episode, seeds[:2])
    summed = model.predictive_elbo(episode, seeds[:2], analytic=False)
    for t in (0, 1, 3, model.capacity, length - 1):
        written = np.zeros((2, length), np.float32)
        written[:, :t] = 1
        memory = model.write(episode, written=written)
        for got, expected in (
            (told, elbo(episode, seeds[:2], written=written)),
            (summed, elbo(episode, seeds[:2], memory=memory, analytic=False)),
        ):
            ours, theirs = ([x[:, t] for x in terms] for terms in (got, expected))
            assert_terms(Elbo(*ours), theirs, rtol=1e-4, atol=2e-3)


def test_a_sum_over_keys_costs_no_more_than_one_of_them(model, episode, seeds):
    """Under a given memory; a frame in it is recalled by the first key of the sum."""
    written = MASK * (np.arange(LENGTH) < 2)
    memory = model.write(episode, MASK, written=written)
    summed = model.elbo(episode, seeds, MASK, memory=memory, analytic=False)
    recalled = model.elbo(episode, seeds, MASK, written=written, analytic=False)
    others = noise.fold_in(seeds, 1)
    around = model.elbo(episode, others, MASK, written=written, analytic=False)
    told = np.where(written > 0, recalled.bound, around.bound)
    saved = (told - summed.bound)[MASK > 0]
    # The wide region covers the fine one, thinly: that share is counted in both.
    assert np.all(saved > -0.05) and np.any(saved > 1.0)
    for term in summed:
        np.testing.assert_array_equal(term.numpy()[MASK == 0], 0)


def test_prediction_knows_nothing_of_later_frames(model, seeds):
    length = model.capacity + 3
    episode = random_episode(length, 2)
    expected = model.predictive_elbo(episode, seeds[:2])
    for t in (1, 2, length - 1):
        changed = episode.copy()
        changed[:, t:] = 1 - changed[:, t:]
        got = model.predictive_elbo(changed, seeds[:2])
        for name, one, other in zip(got._fields, got, expected, strict=True):
            np.testing.assert_array_equal(one[:, :t], other[:, :t], err_msg=name)
        assert np.all(got.log_likelihood[:, t] != expected.log_likelihood[:, t])


def test_prediction_learns_from_what_came_before(model, episode, seeds):
    """Another first frame changes the terms of the others, and their memory alone."""
    other = episode.copy()
    other[:, 0] = 1 - other[:, 0]
    terms = [model.predictive_elbo(e, seeds) for e in (episode, other)]
    assert np.all(np.any(terms[0].bound[:, 1:] != terms[1].bound[:, 1:], axis=1))


def test_bidirectional_frames_cannot_be_predicted(episode, seeds):
    model = make_model(**with_shift("bidirectional"))
    assert model.elbo(episode, seeds, written=MASK).bound.shape == (BATCH, LENGTH)
    with pytest.raises(ValueError, match="shift='causal'. Received: .*bidirectional"):
        model.predictive_elbo(episode, seeds)

"""The predictive bound: against closed forms, and blind for what comes later."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.evaluation.predictive import predictive
from tests.evaluation import known_model, tiny_models
from tests.evaluation.known_model import (
    BATCHES,
    KnownModel,
    batch,
    episodes,
    predictive_bounds,
)


def test_each_image_is_scored_under_those_before_it():
    results = predictive(KnownModel(), BATCHES)
    expected = [predictive_bounds(images) for images, _ in episodes()]
    assert results["images"] == 21 and results["unit"] == "nats/image"
    assert results["value"] == pytest.approx(np.mean(np.concatenate(expected)), 1e-5)
    for seen, point in enumerate(results["curve"]):
        column = [row[seen] for row in expected if len(row) > seen]
        assert point["seen"] == seen
        assert point["value"] == pytest.approx(np.mean(column), rel=1e-5)
        error = np.std(column, ddof=1) / np.sqrt(len(column))
        assert point["standard_error"] == pytest.approx(error, rel=1e-4)
    assert len(results["curve"]) == 4


def test_what_comes_later_changes_no_bit():
    class Leaky(KnownModel):
        """Reads whatever frame it is shown, padding too."""

        def write(self, episode, mask=None, written=None):
            return tf.reduce_mean(episode, axis=1)

        def elbo(self, episode, seeds, mask=None, **given):
            return super().elbo(episode + tf.reduce_mean(episode), seeds, mask, **given)

    one = batch([4, 4])
    later = 1 - one.images[:, 2:]
    other = one._replace(images=tf.concat([one.images[:, :2], later], axis=1))
    first, second = (predictive(Leaky(), [b])["curve"] for b in (one, other))
    assert first[:2] == second[:2]
    assert first[2] != second[2] and first[3] != second[3]


def test_kanerva_plus_plus_sees_nothing_that_comes_later():
    model = tiny_models.kanerva_plus_plus()
    one = tiny_models.episodes(16)[0]
    other = one._replace(
        images=tf.concat([one.images[:, :2], 1 - one.images[:, 2:]], axis=1)
    )
    first, second = (predictive(model, [b])["curve"] for b in (one, other))
    assert first[:2] == second[:2]  # to the bit
    assert first[2]["value"] != second[2]["value"]


def test_a_model_that_scores_all_prefixes_at_once_is_asked_to():
    class Quick(KnownModel):
        def predictive_elbo(self, episode, seeds, mask=None, analytic=True):
            nothing = tf.zeros_like(episode[:, 0])
            return self.elbo(episode, seeds, mask, memory=nothing, analytic=analytic)

    results = predictive(Quick(), BATCHES)
    nothing = np.zeros(known_model.SHAPE)
    values = [known_model.bounds(images, nothing) + 0.5 for images, _ in episodes()]
    assert results["value"] == pytest.approx(np.mean(np.concatenate(values)), 1e-5)


def test_importance_weighted_frames_have_seeds_of_their_own():
    one = batch([2], length=2)
    results = predictive(KnownModel(), [one], samples=2)
    images = one.images[0].numpy().astype(np.float64)
    for place, memory in enumerate((np.zeros(known_model.SHAPE), images[0])):
        seeds = noise.fold_in(one.seeds, place)
        drawn = [noise.uniform(noise.fold_in(seeds, n), (1,), 3)[0, 0] for n in (1, 2)]
        base = known_model.bounds(images[place : place + 1], memory)[0]
        expected = base - np.log(np.mean(np.exp(-np.array(drawn))))
        assert results["curve"][place]["value"] == pytest.approx(expected, rel=1e-5)

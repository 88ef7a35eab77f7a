"""Averages of the bound, against a model whose terms are known in closed form."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.evaluation import bounds
from tests.evaluation import known_model
from tests.evaluation.known_model import BATCHES, KnownModel, batch, episodes

EMPTY = np.zeros(known_model.SHAPE)


def _stored():
    return [
        list(known_model.bounds(images, images.mean(axis=0)) + 0.5)
        for images, _ in episodes()
    ]


def test_stored_images_are_scored_under_their_own_memory():
    results = bounds.stored(KnownModel(), BATCHES)
    values = np.concatenate(_stored())
    assert results["images"] == len(values) == 21
    assert results["value"] == pytest.approx(np.mean(values), rel=1e-5)
    assert results["unit"] == "nats/image"
    inks = [list(images.mean(axis=(1, 2, 3))) for images, _ in episodes()]
    terms = results["terms"]
    assert terms["kl_latents"] == pytest.approx(0.5)
    assert terms["kl_keys"] == pytest.approx(np.mean(np.concatenate(inks)), rel=1e-5)
    assert terms["kl_memory"] == pytest.approx(0.25)
    kl = terms["kl_latents"] + terms["kl_keys"] + terms["kl_memory"]
    assert kl - terms["log_likelihood"] == pytest.approx(results["value"], rel=1e-5)


def test_images_of_256_levels_are_told_in_bits_per_dim():
    class Grey(KnownModel):
        likelihood_name = "logistic_mixture:5"

    nats = bounds.stored(KnownModel(), BATCHES)
    bits = bounds.stored(Grey(), BATCHES)
    assert bits["unit"] == "bits/dim"
    for field in ("value", "standard_error"):
        assert bits[field] == pytest.approx(nats[field] / (4 * np.log(2)))
    assert bits["terms"] == nats["terms"]  # these stay nats


def test_standard_error_is_that_of_independent_episodes():
    # Of equal length: the textbook error of the mean of the episodes' means.
    batches = [batch([4, 4, 4], seed=s) for s in (1, 2, 3)]
    means = [
        known_model.bounds(images, images.mean(axis=0)).mean()
        for images, _ in episodes(batches)
    ]
    expected = np.std(means, ddof=1) / np.sqrt(len(means))
    results = bounds.stored(KnownModel(), batches)
    assert results["standard_error"] == pytest.approx(expected, rel=1e-4)


def test_unseen_images_are_scored_under_the_other_half():
    values, means = [], []
    for images, _ in episodes():
        half = len(images) // 2
        first, second = images[:half], images[half:]
        own = [
            *known_model.bounds(first, second.mean(axis=0)),
            *known_model.bounds(second, first.mean(axis=0) if half else EMPTY),
        ]
        values += own
        means.append(np.mean(own))
    results = bounds.unseen(KnownModel(), BATCHES)
    assert results["images"] == 21
    assert results["value"] == pytest.approx(np.mean(values) + 0.5, rel=1e-5)
    # Both halves are one episode: what is independent is its sum.
    counts = np.array([len(images) for images, _ in episodes()])
    deviations = counts * (np.array(means) - np.mean(values))
    error = np.sqrt(np.sum(deviations**2) * len(counts) / (len(counts) - 1)) / 21
    assert results["standard_error"] == pytest.approx(error, rel=1e-4)


def test_an_episode_of_one_image_is_unseen_under_an_empty_memory():
    lone = batch([1], length=3)
    results = bounds.unseen(KnownModel(), [lone])
    expected = known_model.bounds(lone.images[0, :1].numpy(), EMPTY)[0] + 0.5
    assert results["images"] == 1
    assert results["value"] == pytest.approx(expected, rel=1e-5)
    assert results["standard_error"] is None


@pytest.mark.parametrize("at_once", [1, 24, 512])
def test_importance_weights_are_averaged_before_the_logarithm(monkeypatch, at_once):
    monkeypatch.setattr(bounds, "IMAGES_AT_ONCE", at_once)
    samples = 3
    results = bounds.stored(KnownModel(), BATCHES, samples)
    values = []
    for images, seeds in episodes():
        base = known_model.bounds(images, images.mean(axis=0))
        weights = []
        for n in range(1, samples + 1):
            drawn = noise.uniform(noise.fold_in(seeds[None], n), (4,), 3)[0].numpy()
            weights.append(np.exp(-base - drawn[: len(images)]))
        values += list(-np.log(np.mean(weights, axis=0)))
    assert results["value"] == pytest.approx(np.mean(values), rel=1e-5)
    assert "terms" not in results


def test_unseen_images_have_an_importance_weighted_bound_too():
    many = bounds.unseen(KnownModel(), BATCHES, 200)["value"]
    exact = bounds.unseen(KnownModel(), BATCHES)["value"] - 0.5
    # E[exp(-u)] of u uniform in [0, 1) is 1 - 1/e; 21 images of 200 draws each.
    assert many - exact == pytest.approx(-np.log(1 - np.exp(-1)), abs=0.02)


def test_swapped_episodes_are_scored_under_the_next_real_memory():
    found = [images for images, _ in episodes()]
    values = []
    for group in (found[:3], found[3:]):  # of one batch each
        for row, images in enumerate(group):
            other = group[(row + 1) % len(group)].mean(axis=0)
            values += list(known_model.bounds(images, other) + 0.5)
    results = bounds.swapped(KnownModel(), BATCHES)
    assert results["value"] == pytest.approx(np.mean(values), rel=1e-5)
    assert results["value"] > bounds.stored(KnownModel(), BATCHES)["value"]


def test_a_lone_episode_has_no_other_memory():
    results = bounds.swapped(KnownModel(), [*BATCHES, batch([4, 0], seed=3)])
    assert results["images"] == 21


def test_the_memory_is_read_as_it_was_transformed():
    results = bounds.stored(KnownModel(), BATCHES, transform=tf.zeros_like)
    values = [known_model.bounds(images, EMPTY) + 0.5 for images, _ in episodes()]
    expected = np.mean(np.concatenate(values))
    assert results["value"] == pytest.approx(expected, rel=1e-5)


def test_a_training_run_is_told_the_stored_bound_in_both_units():
    flat, stored = (f(KnownModel(), BATCHES) for f in (bounds.evaluate, bounds.stored))
    assert flat["bound"] == stored["value"]
    assert flat["bound_standard_error"] == stored["standard_error"]
    assert flat["bits_per_dim"] == pytest.approx(flat["bound"] / np.log(2) / 4)
    assert flat["images"] == 21
    assert {name: flat[name] for name in bounds.TERMS} == stored["terms"]
    assert "bound_standard_error" not in bounds.evaluate(KnownModel(), [batch([2])])


def test_no_images_is_an_error():
    with pytest.raises(ValueError, match="no image"):
        bounds.stored(KnownModel(), [])

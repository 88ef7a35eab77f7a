"""Averages of the bound, against a model whose terms are known in closed form."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.evaluation import bounds
from tests.evaluation import known_model, tiny_models
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


def test_images_of_256_levels_are_in_bits_per_dim():
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


def _ratio(values):
    """Mean over images and its error over episodes, of a list of values each."""
    counts = np.array([len(own) for own in values])
    sums = np.array([np.sum(own) for own in values])
    mean = sums.sum() / counts.sum()
    variance = np.sum((sums - counts * mean) ** 2) * len(counts) / (len(counts) - 1)
    return mean, np.sqrt(variance) / counts.sum()


def _unseen(images):
    half = len(images) // 2
    first, second = images[:half], images[half:]
    return [
        *known_model.bounds(first, second.mean(axis=0)),
        *known_model.bounds(second, first.mean(axis=0) if half else EMPTY),
    ]


def test_unseen_images_are_scored_under_the_other_half():
    results = bounds.unseen(KnownModel(), BATCHES)
    # Both halves are one episode: what is independent is its sum.
    mean, error = _ratio([_unseen(images) for images, _ in episodes()])
    assert results["images"] == 21
    assert results["value"] == pytest.approx(mean + 0.5, rel=1e-5)
    assert results["standard_error"] == pytest.approx(error, rel=1e-4)


def test_an_empty_memory_is_the_control_of_unseen_images():
    found = [images for images, _ in episodes()]
    nothing = [known_model.bounds(images, EMPTY) + 0.5 for images in found]
    unseen = [np.array(_unseen(images)) + 0.5 for images in found]
    results = bounds.empty(KnownModel(), BATCHES)
    mean, error = _ratio(nothing)
    assert results["images"] == 21 and results["unit"] == "nats/image"
    assert results["value"] == pytest.approx(mean, rel=1e-5)
    assert results["standard_error"] == pytest.approx(error, rel=1e-4)
    assert set(results["terms"]) == set(bounds.TERMS)
    pairs = [a - b for a, b in zip(unseen, nothing, strict=True)]
    mean, error = _ratio(pairs)
    difference = results["unseen_minus_empty"]
    assert difference["value"] == pytest.approx(mean, rel=1e-4)
    assert difference["standard_error"] == pytest.approx(error, rel=1e-4)
    assert difference["unit"] == "nats/image"
    # The pairs share an image: their error is not the sum of both variances.
    assert difference["standard_error"] < 0.9 * np.hypot(
        _ratio(unseen)[1], _ratio(nothing)[1]
    )


def test_the_curve_over_held_images_scores_the_others():
    found = [images for images, _ in episodes()]
    curve = bounds.held_curve(KnownModel(), BATCHES)
    assert [point["held"] for point in curve] == [0, 1, 3]
    for point in curve:
        held = point["held"]
        scored = [images for images in found if len(images) > held]
        values = [
            known_model.bounds(
                images[held:], images[:held].mean(axis=0) if held else EMPTY
            )
            for images in scored
        ]
        mean, error = _ratio(values)
        assert point["images"] == sum(map(len, values))
        assert point["value"] == pytest.approx(mean + 0.5, rel=1e-5)
        assert point["standard_error"] == pytest.approx(error, rel=1e-4)
        pairs = [
            own - known_model.bounds(images[held:], EMPTY)
            for own, images in zip(values, scored, strict=True)
        ]
        mean, error = _ratio(pairs)
        change = point["minus_empty"]
        assert change["value"] == pytest.approx(mean, rel=1e-4, abs=1e-6)
        assert change["standard_error"] == pytest.approx(error, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize(
    ("length", "held"),
    [(1, [0]), (2, [0, 1]), (10, [0, 1, 4, 9]), (32, [0, 1, 4, 16, 31])],
)
def test_the_curve_has_powers_of_four(length, held):
    one = batch([length, length], length=length)
    assert [p["held"] for p in bounds.held_curve(KnownModel(), [one])] == held


def test_kanerva_plus_plus_scores_under_its_own_empty_memory():
    model, batches = tiny_models.kanerva_plus_plus(), tiny_models.episodes(16)
    results = bounds.empty(model, batches)
    totals = 0.0
    for one in batches:
        memory = model.empty_memory(len(one.images))
        totals += (
            model.elbo(one.images, one.seeds, one.mask, memory=memory)
            .bound.numpy()
            .sum()
        )
    assert results["value"] == pytest.approx(totals / results["images"], rel=1e-5)
    (nothing, *_) = bounds.held_curve(model, batches)
    assert nothing["value"] == results["value"]


def test_a_model_without_a_memory_gains_nothing():
    class Vae(KnownModel):
        def write(self, episode, mask=None, written=None):
            return tf.zeros_like(episode[:, 0])

    difference = bounds.empty(Vae(), BATCHES)["unseen_minus_empty"]
    assert (difference["value"], difference["standard_error"]) == (0.0, 0.0)


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


def test_a_training_run_gets_the_stored_bound_in_both_units():
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

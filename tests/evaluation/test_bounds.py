"""Averages of the bound, against a model whose terms are known in closed form."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.data import Episodes
from kpp_tf.evaluation import bounds
from kpp_tf.models import Elbo

SHAPE = (2, 2, 1)


class KnownModel:
    """A memory is the mean image; the likelihood, a squared distance to it."""

    image_shape = SHAPE

    def write(self, episode, mask=None):
        weights = mask[:, :, None, None, None]
        total = tf.reduce_sum(episode * weights, axis=1)
        return total / tf.maximum(tf.reduce_sum(weights, axis=1), 1.0)

    def elbo(self, episode, seeds, mask=None, memory=None, analytic=True):
        if memory is None:
            memory = self.write(episode, mask)
        distance = tf.reduce_sum((episode - memory[:, None]) ** 2, axis=[2, 3, 4])
        drawn = noise.uniform(seeds, (tf.shape(episode)[1],), salt=3)
        kl_latents = 0.5 * tf.ones_like(drawn) if analytic else drawn
        kl_keys = tf.reduce_mean(episode, axis=[2, 3, 4])
        terms = (-distance, kl_latents, kl_keys, 0.25 * tf.ones_like(drawn))
        return Elbo(*(term * mask for term in terms))


def _batch(lengths, length=4, seed=0):
    """Episodes of the given numbers of real images."""
    rng = np.random.default_rng(seed)
    mask = (np.arange(length) < np.array(lengths)[:, None]).astype(np.float32)
    images = rng.random((len(lengths), length, *SHAPE)).astype(np.float32)
    images *= mask[..., None, None, None]
    seeds = rng.integers(0, 1000, (len(lengths), 2)).astype(np.int32)
    index = np.where(mask > 0, 0, -1).astype(np.int64)
    return Episodes(*map(tf.constant, (images, mask, index, seeds)))


# A full batch; one with short episodes and a row of padding.
BATCHES = [_batch([4, 4, 4], seed=1), _batch([4, 3, 2, 0], seed=2)]


def _episodes():
    """(images [T', ...], seeds [2]) of each real episode, float64."""
    for batch in BATCHES:
        for images, mask, seeds in zip(
            batch.images.numpy(), batch.mask.numpy(), batch.seeds, strict=True
        ):
            if mask.any():
                yield images[mask > 0].astype(np.float64), seeds


def _distances(images, memory):
    return np.sum((images - memory) ** 2, axis=(1, 2, 3))


def test_terms_are_means_over_images_that_are_real():
    results = bounds.evaluate(KnownModel(), BATCHES)
    distances, inks = [], []
    for images, _ in _episodes():
        distances += list(_distances(images, images.mean(axis=0)))
        inks += list(images.mean(axis=(1, 2, 3)))
    assert results["images"] == len(distances) == 21
    assert results["log_likelihood"] == pytest.approx(-np.mean(distances), rel=1e-5)
    assert results["kl_latents"] == pytest.approx(0.5)
    assert results["kl_keys"] == pytest.approx(np.mean(inks), rel=1e-5)
    assert results["kl_memory"] == pytest.approx(0.25)
    bound = np.mean(distances) + 0.5 + np.mean(inks) + 0.25
    assert results["bound"] == pytest.approx(bound, rel=1e-5)
    assert results["bits_per_dim"] == pytest.approx(bound / np.log(2) / 4, rel=1e-5)


def test_standard_error_is_that_of_independent_episodes():
    # Of equal length: the textbook error of the mean of the episodes' means.
    batches = [_batch([4, 4, 4], seed=s) for s in (1, 2, 3)]
    results = bounds.evaluate(KnownModel(), batches)
    means = []
    for batch in batches:
        for images in batch.images.numpy().astype(np.float64):
            terms = _distances(images, images.mean(axis=0)).mean() + images.mean()
            means.append(terms)
    expected = np.std(means, ddof=1) / np.sqrt(len(means))
    assert results["bound_standard_error"] == pytest.approx(expected, rel=1e-4)


def test_importance_weighted_bound_averages_weights_before_the_logarithm():
    samples = 3
    results = bounds.evaluate(KnownModel(), BATCHES, num_samples=samples)
    values = []
    for images, seeds in _episodes():
        base = _distances(images, images.mean(axis=0)) + 0.25
        base += images.mean(axis=(1, 2, 3))
        folded = noise.fold_in(seeds[None], 0)  # the salt
        weights = []
        for n in range(1, samples + 1):
            drawn = noise.uniform(noise.fold_in(folded, n), (4,), salt=3)[0].numpy()
            weights.append(np.exp(-base - drawn[: len(images)]))
        values += list(-np.log(np.mean(weights, axis=0)))
    expected = np.mean(values)
    assert results["importance_weighted_bound"] == pytest.approx(expected, rel=1e-5)


def test_swapped_episodes_are_scored_under_the_next_real_memory():
    results = bounds.evaluate(KnownModel(), BATCHES, swapped=True)
    episodes = [images for images, _ in _episodes()]
    values = []
    for group in (episodes[:3], episodes[3:]):  # of one batch each
        for row, images in enumerate(group):
            other = group[(row + 1) % len(group)].mean(axis=0)
            terms = _distances(images, other) + images.mean(axis=(1, 2, 3))
            values += list(terms + 0.75)
    assert results["bound_swapped_memory"] == pytest.approx(np.mean(values), rel=1e-5)
    assert results["bound_swapped_memory"] > results["bound"]


def test_a_lone_episode_has_no_other_memory():
    results = bounds.evaluate(KnownModel(), [_batch([4, 0])], swapped=True)
    assert "bound_swapped_memory" not in results
    assert "bound_standard_error" not in results


def test_every_bound_is_of_the_transformed_memory():
    results = bounds.evaluate(
        KnownModel(),
        BATCHES,
        num_samples=1,
        swapped=True,
        memory_transform=tf.zeros_like,
    )
    values = []
    for images, _ in _episodes():
        values += list(_distances(images, 0.0) + images.mean(axis=(1, 2, 3)) + 0.75)
    assert results["bound"] == pytest.approx(np.mean(values), rel=1e-5)
    # All memories are alike now.
    assert results["bound_swapped_memory"] == pytest.approx(results["bound"], rel=1e-5)
    # At one sample it is the bound with the KL's estimate in the place of 0.5.
    difference = results["importance_weighted_bound"] - results["bound"]
    assert -0.5 < difference < 0.5 and abs(difference) > 1e-3


def test_another_salt_draws_other_noise():
    def bound(salt):
        results = bounds.evaluate(KnownModel(), BATCHES, num_samples=1, seed_salt=salt)
        return results["importance_weighted_bound"]

    assert bound(0) == bound(0) != bound(1)


def test_progress_is_called_after_each_batch():
    calls = []
    bounds.evaluate(KnownModel(), BATCHES, progress=lambda: calls.append(1))
    assert len(calls) == len(BATCHES)


def test_no_images_is_an_error():
    with pytest.raises(ValueError, match="no image"):
        bounds.evaluate(KnownModel(), [])

"""Samples: a memory that merely stores is found out."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.evaluation import pixels
from kpp_tf.evaluation.samples import medium_width, samples
from tests.evaluation import shelf, tiny_models


def _features(images):
    """Sums over rows and columns: 16 numbers."""
    return np.concatenate([images.sum(axis=1), images.sum(axis=2)], axis=1)[..., 0]


class Copier:
    """Samples are the written images."""

    likelihood_name = "bernoulli"

    def write(self, episode, mask=None, written=None):
        return episode

    def generate(self, memory, num_samples, seeds):
        assert num_samples == memory.shape[1]
        return memory


def test_copies_are_as_good_as_real_images_and_not_new():
    batches = tiny_models.episodes(64)
    results = samples(Copier(), batches, _features)
    copies, written = results["prior"], results["written"]
    assert copies["novelty"] == 0 and copies["frechet"] > 0
    for name in ("frechet", "diversity"):
        assert copies[name] == pytest.approx(written[name], rel=1e-5)
    held_out = results["held_out"]
    assert held_out["frechet"] == pytest.approx(0, abs=1e-5)
    near = [
        pixels.nearest(other, images).mean()
        for first, second in zip(batches[::2], batches[1::2], strict=True)
        for other, images in zip(
            second.images.numpy(), first.images.numpy(), strict=True
        )
    ]
    assert held_out["novelty"] == pytest.approx(np.mean(near), rel=1e-6)
    assert "medium_scale" not in results
    assert results["images"] == 32


def test_noise_is_new_and_not_good():
    class Noise(Copier):
        def generate(self, memory, num_samples, seeds):
            return 0.5 + 0.02 * tf.ones_like(memory)

    results = samples(Noise(), tiny_models.episodes(64), _features)
    assert results["prior"]["novelty"] > results["held_out"]["novelty"]
    assert results["prior"]["diversity"] == 0  # of the likeliest image
    assert results["prior"]["frechet"] > 10 * results["written"]["frechet"]


def test_held_out_images_are_never_written():
    seen = []

    class Witness(Copier):
        def write(self, episode, mask=None, written=None):
            tf.py_function(lambda images: seen.append(images.numpy()), [episode], [])
            return episode

    batches = tiny_models.episodes(64)
    samples(Witness(), batches, _features)
    np.testing.assert_array_equal(seen, [b.images for b in batches[::2]])


def test_the_medium_scale_has_a_row_of_its_own():
    batches = [shelf.episodes(seed=1), shelf.episodes(seed=2)]
    model = shelf.Shelf()
    results = samples(model, batches, shelf.Space(batches, [0, 1, 2, 3]))
    # Keys of 0 read the middle: the mean of all four, through a window of any width.
    images = batches[0].images.numpy()
    mean = images.mean(axis=1, keepdims=True)
    near = np.abs(images - mean).mean(axis=(2, 3, 4)).min(axis=1).mean()
    medium = results["medium_scale"]
    assert medium["novelty"] == pytest.approx(near, rel=1e-4)
    assert medium["diversity"] == pytest.approx(0, abs=1e-6)
    assert medium["width"] == medium_width(model) == pytest.approx(np.sqrt(4 / 6))


def test_too_few_whole_episodes_are_an_error():
    with pytest.raises(ValueError, match="Received: no pair"):
        samples(Copier(), tiny_models.episodes(16), _features)

"""The table of large memories, on a tiny model whose blocks are read exactly."""

import numpy as np
import pytest

from kpp_tf.evaluation.large_memory import large_memory
from tests.evaluation import tiny_models


@pytest.fixture(scope="module")
def model():
    return tiny_models.kanerva_plus_plus()


def _images(count):
    """Binary images of 8 x 8, in chunks of 7, the same first ones for every count."""
    random = np.random.default_rng(3)
    images = random.integers(0, 2, (60, 8, 8, 1)).astype(np.float32)
    yield from (images[n : min(n + 7, count)] for n in range(0, count, 7))


def test_a_row_for_each_number_of_images(model):
    lines = []
    rows = large_memory(model, _images, (4, 50), say=lines.append)
    assert [row["images"] for row in rows] == [4, 50] and len(lines) == 2
    assert [row["blocks"] for row in rows] == [
        2,
        8,
    ]  # the smallest grids that hold them
    for row in rows:
        grid, reader = row["blocks"], model.reader
        flat = (1 - reader.finest) / grid
        assert row["keys"] == pytest.approx(-np.log(reader.low * flat**2), rel=1e-3)
        depth = model.memory_depth + 1
        assert row["bytes"] == 4 * grid**2 * depth / row["images"]
        found = [row[f"found_{name}"] for name in ("10", "30", "50", "half")]
        assert all(0 <= share <= 1 for share in found)
        assert min(row["write_ms"], row["find_ms"], row["read_ms"]) > 0


def test_the_bound_is_that_of_writing_the_images_as_an_episode(model):
    (row,) = large_memory(model, _images, (30,))
    episode = np.concatenate(list(_images(30)))[np.newaxis]
    large = model.resized(6)
    elbo = large.elbo(episode, np.int32([[0, 0]]))
    # Other noise: to a few standard errors over 30 images.
    error = np.std(elbo.bound) / np.sqrt(30)
    assert row["stored"] == pytest.approx(float(np.mean(elbo.bound)), abs=5 * error)


def test_too_few_images_are_an_error(model):
    with pytest.raises(ValueError, match=r"gave 60 images"):
        large_memory(model, _images, (70,))

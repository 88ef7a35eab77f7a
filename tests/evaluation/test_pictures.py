"""Pictures: what stands where in the grids, and that every file can be opened."""

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from kpp_tf import plots
from kpp_tf.evaluation import pictures
from tests.evaluation import tiny_models

FOR_ANY_MODEL = {
    "reconstructions",
    "samples",
    "iterative_inference",
    "iterative_inference_curve",
    "denoising_salt_and_pepper",
    "denoising_speckle",
    "denoising_poisson",
}
FOR_KEYS = {"key_perturbations", "key_path", "memory_map"}
SIDE, PAD = 8 * pictures.ZOOM, 2


@pytest.fixture(scope="module")
def model():
    return tiny_models.kanerva_plus_plus()


@pytest.fixture(scope="module")
def batch():
    return tiny_models.episodes(16)[0]


def _cell(grid, row, column):
    """One image of a grid, without zoom: [8, 8]."""
    y, x = PAD + row * (SIDE + PAD), PAD + column * (SIDE + PAD)
    return grid[y : y + SIDE : pictures.ZOOM, x : x + SIDE : pictures.ZOOM, 0]


def _pixels(image):
    return np.rint(np.asarray(image)[..., 0] * 255)


def test_every_picture_is_written(model, batch, tmp_path):
    calls = []
    files = pictures.write_all(model, batch, tmp_path, lambda: calls.append(1))
    assert {file.stem for file in files} == FOR_ANY_MODEL | FOR_KEYS
    assert sorted(files) == sorted(tmp_path.iterdir())
    assert len(calls) == len(files)
    for file in files:
        with Image.open(file) as image:
            image.load()
            assert min(image.size) > SIDE
        assert file.stat().st_size < 150_000


def test_a_model_without_keys_has_the_other_pictures(batch, tmp_path):
    files = pictures.write_all(tiny_models.vma(), batch, tmp_path)
    assert {file.stem for file in files} == FOR_ANY_MODEL


def test_reconstructions_stand_below_what_was_written(model, batch):
    grid = pictures.reconstructions(model, batch, columns=3)
    memory = model.write(batch.images, batch.mask)
    read = model.reconstruct(memory, batch.images, batch.seeds, batch.mask)
    for episode in range(4):
        for frame in range(3):
            above = _cell(grid, 2 * episode, frame)
            below = _cell(grid, 2 * episode + 1, frame)
            np.testing.assert_array_equal(above, _pixels(batch.images[episode, frame]))
            np.testing.assert_allclose(below, _pixels(read[episode, frame]), atol=1)


def test_iterative_inference_goes_downwards(model, batch):
    grid, nll = pictures.iterative_inference(model, batch, columns=2, steps=3)
    assert grid.shape[0] == PAD + 4 * (SIDE + PAD)
    assert nll.shape == (4,) and np.all(np.isfinite(nll))
    memory = model.write(batch.images, batch.mask)
    drawn = model.generate(memory, 2, batch.seeds)
    np.testing.assert_allclose(_cell(grid, 0, 1), _pixels(drawn[0, 1]), atol=1)
    again = model.refine(memory, drawn)
    np.testing.assert_allclose(_cell(grid, 1, 1), _pixels(again[0, 1]), atol=1)


def test_perturbations_stand_beside_their_key(model, batch):
    grid = pictures.key_perturbations(model, batch, columns=3)
    memory = model.write(batch.images, batch.mask)
    image = model.generate_from_keys(memory, model.draw_keys(1, batch.seeds))
    np.testing.assert_allclose(_cell(grid, 0, 0), _pixels(image[0, 0]), atol=1)
    still = pictures.key_perturbations(model, batch, columns=3, variance=0.0)
    np.testing.assert_array_equal(_cell(still, 0, 0), _cell(still, 0, 2))


def test_a_key_path_joins_two_frames(model, batch):
    grid = pictures.key_path(model, batch, columns=5)
    memory = model.write(batch.images, batch.mask)
    keys = model.infer_keys(memory, batch.images)
    images = model.generate_from_keys(memory, keys)
    np.testing.assert_allclose(_cell(grid, 0, 0), _pixels(images[0, 0]), atol=1)
    np.testing.assert_allclose(_cell(grid, 0, 4), _pixels(images[0, 1]), atol=1)


def test_denoising_begins_with_the_clean_and_the_damaged_image(model, batch):
    grids = pictures.denoising(model, batch, columns=2, steps=1)
    for grid in grids.values():
        assert grid.shape[0] == PAD + 3 * (SIDE + PAD)
        np.testing.assert_array_equal(_cell(grid, 0, 0), _pixels(batch.images[0, 0]))
        assert np.any(_cell(grid, 1, 0) != _cell(grid, 0, 0))


@pytest.mark.parametrize("blocks", [1, 2])
def test_the_memory_map_shows_every_key(batch, blocks):
    model = tiny_models.kanerva_plus_plus(memory_size=3, blocks_per_frame=blocks)
    figure = pictures.memory_map(model, batch)
    axis = figure.axes[0]
    places = np.concatenate([points.get_offsets() for points in axis.collections])
    assert places.shape == (4 * blocks, 2)
    keys = model.key_posterior(batch.images[:1]).mean()[0, ..., 1:]
    expected = 3 * stats.norm.cdf(keys).reshape(-1, 2)  # S Phi(y)
    np.testing.assert_allclose(places, expected, atol=3 * 5e-4)
    plots.close(figure)

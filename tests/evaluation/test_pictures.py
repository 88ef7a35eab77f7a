"""Pictures: what stands where in the grids, and that every file can be opened."""

import numpy as np
import pytest
import tensorflow as tf
from matplotlib import pyplot
from PIL import Image
from scipy import stats

from kpp_tf.evaluation import corruptions, pictures
from tests.evaluation import shelf, tiny_models

FOR_ANY_MODEL = {
    "recall",
    "unseen",
    "samples",
    "iterative_inference",
    "denoising_salt_and_pepper",
    "denoising_speckle",
    "denoising_poisson",
    "denoising_hidden_half",
}
FOR_KEYS = {"gist", "zoom", "walk", "nudges", "few_shot", "memory_map"}
PAD = 2


@pytest.fixture(scope="module")
def model():
    return tiny_models.kanerva_plus_plus()


@pytest.fixture(scope="module")
def batch():
    return tiny_models.episodes(16)[0]


def _cell(grid, row, column, side=8):
    """One image of a grid, without zoom: [side, side]."""
    step = side * pictures.ZOOM + PAD
    y, x = PAD + row * step, PAD + column * step
    large = grid[y : y + step - PAD, x : x + step - PAD, 0]
    return large[:: pictures.ZOOM, :: pictures.ZOOM]


def _pixels(image):
    return np.rint(np.asarray(image)[..., 0] * 255)


def _size(grid, side=8):
    """(rows, columns)."""
    step = side * pictures.ZOOM + PAD
    return (grid.shape[0] - PAD) // step, (grid.shape[1] - PAD) // step


def test_every_picture_is_written(model, batch, tmp_path):
    files = pictures.write_all(model, batch, tmp_path)
    assert {file.stem for file in files} == FOR_ANY_MODEL | FOR_KEYS
    assert sorted(files) == sorted(tmp_path.iterdir())
    for file in files:
        with Image.open(file) as image:
            image.load()
            assert min(image.size) > 8 * pictures.ZOOM
        assert file.stat().st_size < 150_000


def test_a_model_without_keys_has_the_other_pictures(batch, tmp_path):
    files = pictures.write_all(tiny_models.vma(), batch, tmp_path)
    assert {file.stem for file in files} == FOR_ANY_MODEL


def test_what_is_read_stands_below_what_was_written(model, batch):
    grid = pictures.recall(model, batch)
    memory = model.write(batch.images, batch.mask)
    read = model.reconstruct(memory, batch.images, batch.seeds)
    assert _size(grid) == (8, 4)
    for episode in range(4):
        for frame in range(4):
            above = _cell(grid, 2 * episode, frame)
            below = _cell(grid, 2 * episode + 1, frame)
            np.testing.assert_array_equal(above, _pixels(batch.images[episode, frame]))
            np.testing.assert_allclose(below, _pixels(read[episode, frame]), atol=1)


class _Mean:
    """A model whose memory is the mean of what was written, and all it reads."""

    def write(self, episode, mask, written):
        total = tf.einsum("bt,bthwc->bhwc", written * mask, episode)
        return total / tf.reduce_sum(written[0])

    def reconstruct(self, memory, queries, seeds, mask):
        return tf.repeat(memory[:, tf.newaxis], queries.shape[1], axis=1)


def test_images_that_were_not_written_are_read_from_the_others(batch):
    grid = pictures.unseen(_Mean(), batch)
    assert _size(grid) == (12, 2)
    images = batch.images.numpy()
    for episode in range(4):
        for frame in range(2):
            rows = [_cell(grid, 3 * episode + row, frame) for row in range(3)]
            np.testing.assert_array_equal(rows[0], _pixels(images[episode, frame]))
            np.testing.assert_array_equal(rows[1], _pixels(images[episode, 2 + frame]))
            mean = images[episode, :2].mean(axis=0)
            np.testing.assert_allclose(rows[2], _pixels(mean), atol=1)


def test_iterative_inference_goes_downwards(model, batch):
    grid = pictures.iterative_inference(model, batch, steps=3)
    assert _size(grid) == (4, pictures.COLUMNS)
    memory = model.write(batch.images, batch.mask)
    drawn = model.generate(memory, pictures.COLUMNS, batch.seeds)
    np.testing.assert_allclose(_cell(grid, 0, 1), _pixels(drawn[0, 1]), atol=1)
    again = model.refine(memory, drawn)
    np.testing.assert_allclose(_cell(grid, 1, 1), _pixels(again[0, 1]), atol=1)


def test_denoising_begins_with_the_clean_and_the_damaged_image(model, batch):
    grids = pictures.denoising(model, batch, steps=1)
    assert set(grids) == {*corruptions.BY_NAME, "hidden_half"}
    for grid in grids.values():
        assert _size(grid) == (3, 4)
        for frame in range(4):
            clean = _pixels(batch.images[0, frame])
            np.testing.assert_array_equal(_cell(grid, 0, frame), clean)
        clean, damaged = ([_cell(grid, n, f) for f in range(4)] for n in (0, 1))
        assert np.any(np.array(clean) != np.array(damaged))
    for frame in range(4):
        assert not np.any(_cell(grids["hidden_half"], 1, frame)[4:])


# Where all that keys read can be foretold.
SHELF, FRAMES = shelf.Shelf(), shelf.episodes()


def test_the_gist_is_the_mean_of_what_was_written():
    grid = pictures.gist(SHELF, FRAMES)
    for episode, images in enumerate(FRAMES.images.numpy()):
        below = _cell(grid, 2 * episode + 1, 2, side=4)
        np.testing.assert_allclose(below, _pixels(images.mean(axis=0)), atol=1)


def test_a_zoom_leads_from_the_image_to_the_gist():
    grid = pictures.zoom(SHELF, FRAMES)
    assert _size(grid, side=4) == (3, pictures.COLUMNS)
    for episode, images in enumerate(FRAMES.images.numpy()):
        for column in (0, 1):  # written, and read by the finest window
            cell = _cell(grid, episode, column, side=4)
            np.testing.assert_allclose(cell, _pixels(images[0]), atol=1)
        last = _cell(grid, episode, pictures.COLUMNS - 1, side=4)
        np.testing.assert_allclose(last, _pixels(images.mean(axis=0)), atol=1)


def test_a_walk_passes_every_block_and_the_middles_between():
    grid = pictures.walk(SHELF, FRAMES)
    assert _size(grid, side=4) == (3, 3)
    images = FRAMES.images[0].numpy()
    expected = {
        (0, 0): images[0],
        (0, 2): images[1],
        (2, 0): images[2],
        (2, 2): images[3],
        (0, 1): (images[0] + images[1]) / 2,
        (1, 2): (images[1] + images[3]) / 2,
        (1, 1): images.mean(axis=0),
    }
    for (row, column), image in expected.items():
        cell = _cell(grid, row, column, side=4)
        np.testing.assert_allclose(cell, _pixels(image), atol=1.5)


def test_nudges_stand_beside_their_image_by_distance():
    grid = pictures.nudges(SHELF, FRAMES)
    assert _size(grid, side=4) == (3, 2 + 3 * 4)
    for episode, images in enumerate(FRAMES.images.numpy()):
        for column in range(6):  # written, recalled, by a quarter of a block
            cell = _cell(grid, episode, column, side=4)
            np.testing.assert_allclose(cell, _pixels(images[0]), atol=1)
        for column in range(10, 14):
            cell = _cell(grid, episode, column, side=4)
            beside = [np.abs(cell - _pixels(images[n])).max() for n in (1, 2)]
            assert min(beside) <= 1


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
    coloured = tf.reduce_any(axis.images[0].get_array() < 1, axis=-1)
    assert np.sum(coloured) == 4 * blocks
    pyplot.close(figure)


def test_few_shot_shows_what_was_seen_and_then_draws(model, batch):
    grid = pictures.few_shot(model, batch)
    length = batch.images.shape[1]
    rows = [(i, n) for i in range(pictures.CHARACTERS) for n in pictures.SEEN]
    assert _size(grid) == (len(rows), length + 2 * pictures.DRAWS)
    for row, (episode, seen) in enumerate(rows):
        for column in range(length):
            shown = _pixels(batch.images[episode, column]) * (column < seen)
            np.testing.assert_array_equal(_cell(grid, row, column), shown)
    empty = pictures.few_shot(model, batch._replace(mask=batch.mask * 0))
    for column in range(length, length + 2 * pictures.DRAWS):
        drawn = _cell(grid, 0, column)
        np.testing.assert_array_equal(drawn, _cell(empty, 3, column))
        assert not np.array_equal(drawn, _cell(grid, 3, column))


def test_few_shot_draws_from_all_of_the_memory_first(model, batch, monkeypatch):
    def shade_of_width(self, memory, keys, seeds):
        shade = self.reader.widths(keys[:, :, 0, 0]) / 20
        return tf.ones([*shade.shape, *self.image_shape]) * shade[..., None, None, None]

    monkeypatch.setattr(type(model), "generate_from_keys", shade_of_width)
    grid = pictures.few_shot(model, batch)
    first = batch.images.shape[1]
    widest = 2 * model.memory_size
    for column in range(2 * pictures.DRAWS):
        width = widest if column < pictures.DRAWS else pictures.MEDIUM
        drawn = _cell(grid, 3, first + column)
        np.testing.assert_allclose(drawn, 255 * width / 20, atol=1)

"""From a memory to images, and what lies where."""

import numpy as np
import tensorflow as tf
from scipy import stats

from kpp_tf import noise
from kpp_tf.models.kanerva_plus_plus import Memory
from tests.models.kanerva_plus_plus import by_numpy
from tests.models.kanerva_plus_plus.tiny import (
    BATCH,
    LENGTH,
    SHAPE,
    random_episode,
)


def test_prior_keys_are_standard_normal(model):
    keys = model.draw_keys(200, noise.row_seeds([1, 2], 4))
    assert keys.shape == (4, 200, model.blocks_per_frame, 3)
    assert stats.kstest(np.ravel(keys), "norm").pvalue > 1e-3
    scales = by_numpy.breadth(keys[..., 0], 0.4, 0.7)
    error = 0.5 / np.sqrt(scales.size)
    assert abs(np.mean(scales == 0) - 0.4) < 4.5 * error
    assert abs(np.mean(scales == 1) - 0.3) < 4.5 * error


def test_pictures_have_their_shapes_and_ranges(model, episode, seeds):
    memory = model.write(episode)
    for images, count in (
        (model.generate(memory, 4, seeds), 4),
        (model.generate(memory, 1, seeds, tf.fill([BATCH], 0.5)), 1),
        (model.reconstruct(memory, episode[:, :2], seeds), 2),
        (model.refine(memory, episode), LENGTH),
        (model.generate_from_keys(memory, model.draw_keys(6, seeds), seeds), 6),
    ):
        assert images.shape == (BATCH, count, *SHAPE)
        assert images.dtype == tf.float32
        assert np.all((images >= 0) & (images <= 1))


def test_samples_depend_on_seed_and_temperature(model, episode, seeds):
    memory = model.write(episode)
    other = noise.row_seeds([3, 4], BATCH)
    warm = model.generate(memory, 4, seeds)
    assert not np.allclose(warm, model.generate(memory, 4, other), atol=1e-4)
    np.testing.assert_array_equal(
        warm, model.generate(memory, 4, seeds, tf.ones([BATCH]))
    )
    cold = [model.generate(memory, 4, s, tf.zeros([BATCH])) for s in (seeds, other)]
    np.testing.assert_array_equal(*cold)
    np.testing.assert_allclose(cold[0], tf.repeat(cold[0][:, :1], 4, axis=1), atol=1e-6)
    # Without seeds the mean of p(Z|M-hat) is decoded.
    keys = model.draw_keys(4, seeds, tf.zeros([BATCH]))
    np.testing.assert_allclose(
        model.generate_from_keys(memory, keys), cold[0], atol=1e-6
    )


def test_another_memory_changes_the_result(model, episode, seeds):
    memory = model.write(episode)
    swapped = Memory(*(tf.roll(part, 1, axis=0) for part in memory))
    images = [model.generate(m, 4, seeds) for m in (memory, swapped)]
    assert not np.allclose(*images, atol=1e-4)
    terms = [model.elbo(episode, seeds, memory=m) for m in (memory, swapped)]
    assert np.all(terms[0].bound != terms[1].bound)


def test_ownership_names_the_last_writer_of_each_cell(model):
    length = model.capacity + 3
    episode = random_episode(length, 2)
    owned = model.ownership(episode).numpy()
    size, side = model.memory_size, model.block_size
    assert owned.shape == (2, length, size, size)
    np.testing.assert_array_equal(owned.sum(axis=1), np.ones((2, size, size)))
    memory = model.write(episode)
    contents = model.writer.contents(model.episodes.encode(episode, None)[0]).numpy()
    for b, row, column in np.ndindex(2, *[model.reader.grid] * 2):
        rows = slice(row * side, (row + 1) * side)
        columns = slice(column * side, (column + 1) * side)
        owner = int(owned[b, :, rows.start, columns.start].argmax())
        assert np.all(owned[b, owner, rows, columns] == 1)
        tile = memory.cells[b].numpy()[rows, columns].reshape(-1)
        error = np.abs(contents[b, owner] - tile).max(axis=-1).min()
        assert error < 1e-5
    some = np.float32([[1] * 2 + [0] * (length - 2)] * 2)
    cells = model.ownership(episode, written=some).numpy().sum(axis=(2, 3))
    np.testing.assert_array_equal(cells, model.blocks_per_frame * side**2 * some)

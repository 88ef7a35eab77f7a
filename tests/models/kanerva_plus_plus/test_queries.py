"""Reading: what queries find, images at keys, and bad input."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from kpp_tf import noise
from kpp_tf.errors import UserError
from kpp_tf.models.kanerva_plus_plus import Memory
from tests.models.kanerva_plus_plus import by_numpy
from tests.models.kanerva_plus_plus.tiny import (
    BATCH,
    BLOCKS,
    LENGTH,
    SHAPE,
    assert_same_bits,
    make_model,
    random_episode,
    with_shift,
)


@pytest.fixture(scope="module", params=[{}, BLOCKS], ids=["cells", "blocks"])
def spread(request):
    """Frames that do not see each other, contents far apart, a prior that follows."""
    return make_model(**with_shift("none"), **request.param)


def test_the_nearest_block_is_where_the_query_was_written(spread, episode):
    memory = spread.write(episode)
    side, grid = spread.block_size, spread.reader.grid
    owned = spread.ownership(episode).numpy()[:, :, ::side, ::side]
    owned = owned.reshape(BATCH, LENGTH, grid**2)
    embeddings = spread._queries(memory, episode)
    blocks = spread._nearest_blocks(memory, embeddings).numpy()
    for b, t in np.ndindex(BATCH, LENGTH):
        assert np.all(owned[b, t, blocks[b, t]] == 1)
    order = [3, 1, 4, 0, 2]
    np.testing.assert_array_equal(
        spread._nearest_blocks(memory, embeddings.numpy()[:, order]), blocks[:, order]
    )


def test_queries_never_point_at_a_blank_block(spread, episode):
    """What is written is far from every query; the zeros of the others nearer."""
    memory = spread.write(episode[:, :2])
    far = memory._replace(cells=1e3 * memory.coverage[..., tf.newaxis] + memory.cells)
    blocks = spread._nearest_blocks(far, spread._queries(far, episode))
    covered = spread.reader.as_blocks(memory.coverage[..., tf.newaxis])
    share = tf.gather(tf.reduce_min(covered, -1), blocks, batch_dims=1)
    assert np.all(share == 1)


def test_nearness_is_largest_at_the_nearest_block(spread, episode):
    memory = spread.write(episode[:, :2])
    nearness = spread.nearness(memory, episode).numpy()
    assert np.all((nearness >= 0) & (nearness <= 1))
    nearest = spread._nearest_blocks(memory, spread._queries(memory, episode))
    np.testing.assert_array_equal(nearness.argmax(axis=-1), nearest)
    np.testing.assert_allclose(nearness[:, :2].max(axis=-1), 1, atol=1e-4)
    covered = spread.reader.as_blocks(memory.coverage[..., tf.newaxis]).numpy()
    blank = np.broadcast_to(covered.max(-1)[:, None, None] == 0, nearness.shape)
    assert np.all(nearness[blank] < 1e-20)


def test_keys_of_queries_explain_them_best(spread, episode):
    """By the bound at the means, of the two regions; so for some each."""
    memory = spread.write(episode)
    keys = spread.infer_keys(memory, episode)
    slots = spread.slot_keys().numpy()
    at_slot = np.abs(keys.numpy()[:, :, :, None] - slots).max(-1).min(-1) < 1e-5
    assert np.all(at_slot.all(-1) == at_slot.any(-1))  # all blocks of a frame or none
    empty = spread.empty_memory(BATCH)
    wide = spread.infer_keys(empty, episode)
    assert np.min(spread.reader.widths(wide[..., 0])) > spread.reader.finest * 1.01


def test_a_decoder_that_follows_the_memory_recalls(episode, seeds):
    """Where the block tells the image, a query is recalled, and scored as stored.

    Not always: for some images a look around may be as good.
    """
    model = make_model(**with_shift("none"), memory_depth=12)
    _train(model, episode)
    memory = model.write(episode)
    keys = model.infer_keys(memory, episode)
    slots = model.slot_keys().numpy()
    distance = np.abs(keys.numpy()[:, :, 0, None] - slots).max(-1)
    recalled = distance.min(-1) < 1e-3
    assert np.mean(recalled) > 0.7
    owned = model.ownership(episode).numpy().reshape(BATCH, LENGTH, -1)
    found = np.take_along_axis(owned, distance.argmin(-1)[..., None], axis=2)
    assert np.all(found[recalled] == 1)
    stored = model.elbo(episode, seeds)
    given = model.elbo(episode, seeds, memory=memory)
    for got, expected in zip(given, stored, strict=True):
        np.testing.assert_allclose(got[recalled], expected[recalled], atol=1e-3)
    assert np.mean(given.bound) < np.mean(stored.bound) + 1
    # And an image that was not written costs more under a memory than one that was.
    other = model.elbo(1 - episode, seeds, memory=memory)
    assert np.mean(other.bound) > np.mean(stored.bound) + 5
    damaged = np.clip(episode + 0.2 * (1 - 2 * episode), 0, 1)
    refined = model.refine(memory, np.float32(damaged))
    assert np.mean(np.abs(refined - episode)) < np.mean(np.abs(damaged - episode))


def _train(model, episode):
    """A few steps of gradient descent on storing these images alone."""
    import keras

    seeds = noise.row_seeds([5, 6], BATCH)
    optimizer = keras.optimizers.Adam(1e-2)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model.elbo(episode, seeds).bound)
        weights = model.trainable_variables
        gradients = tape.gradient(loss, [w.value for w in weights])
        pairs = zip(gradients, weights, strict=True)
        optimizer.apply_gradients([(g, w) for g, w in pairs if g is not None])
        return loss

    for _ in range(150):
        step()


def test_reconstruct_reads_at_the_keys_of_the_queries(model, episode, seeds):
    memory = model.write(episode)
    drawn = model.infer_keys(memory, episode, seeds)
    assert drawn.shape == (BATCH, LENGTH, model.blocks_per_frame, 3)
    np.testing.assert_allclose(
        model.reconstruct(memory, episode, seeds),
        model.generate_from_keys(memory, drawn),
        atol=1e-6,
    )
    mean = model.infer_keys(memory, episode)
    assert not np.allclose(drawn, mean, atol=1e-3)
    # Another order of queries is another order of keys.
    order = [3, 1, 4, 0, 2]
    np.testing.assert_allclose(
        model.infer_keys(memory, episode[:, order]), mean.numpy()[:, order], atol=1e-4
    )


def test_key_posterior_is_what_the_bound_pays(model, episode, seeds):
    written = np.float32([[1, 0, 1, 1, 0]] * BATCH)
    posterior = model.key_posterior(episode, written=written)
    terms = model.elbo(episode, seeds, written=written, analytic=False)
    region_keys = posterior.sample(400, seed=(1, 2))
    ratio = np.sum(
        posterior.log_prob(region_keys)
        - np.sum(stats.norm.logpdf(region_keys), axis=-1),
        axis=-1,
    )
    exact = model.elbo(episode, seeds, written=written).kl_keys
    error = ratio.std(axis=0) / 20
    assert np.all(np.abs(ratio.mean(axis=0) - exact) < 5 * error + 2e-3)
    assert terms.kl_keys.shape == exact.shape


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


def test_under_a_given_memory_frames_do_not_see_each_other(model, episode, seeds):
    memory = model.write(random_episode(3, BATCH, seed=9))
    expected = model.elbo(episode, seeds, memory=memory)
    changed = episode.copy()
    changed[:, 2] = 1 - changed[:, 2]
    got = model.elbo(changed, seeds, memory=memory)
    kept = [0, 1, 3, 4]
    assert_same_bits(
        type(got)(*(x.numpy()[:, kept] for x in got)),
        type(got)(*(x.numpy()[:, kept] for x in expected)),
    )
    ignored = model.elbo(
        episode, seeds, memory=memory, written=np.zeros((BATCH, LENGTH))
    )
    assert_same_bits(ignored, expected)


def test_ownership_names_the_last_writer_of_each_cell(model):
    length = model.capacity + 3
    episode = random_episode(length, 2)
    owned = model.ownership(episode).numpy()
    size, side = model.memory_size, model.block_size
    assert owned.shape == (2, length, size, size)
    np.testing.assert_array_equal(owned.sum(axis=1), np.ones((2, size, size)))
    memory = model.write(episode)
    contents = model.writer.contents(model._encode(episode, None)[0]).numpy()
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


def _bad_memories(memory):
    return {
        "another size": (
            memory._replace(cells=memory.cells[:, :-1], coverage=memory.coverage),
            r"cells of shape \[None, 3, 3, 6\].*Received: \(3, 2, 3, 6\)",
        ),
        "another depth": (
            memory._replace(cells=memory.cells[..., :-1]),
            r"Received: \(3, 3, 3, 5\)",
        ),
        "coverage of another size": (
            memory._replace(coverage=memory.coverage[:, :, :-1]),
            r"coverage of shape.*Received: \(3, 3, 2\)",
        ),
        "no batch": (
            Memory(*(part[0] for part in memory)),
            r"Received: \(3, 3, 6\)",
        ),
        "another carry": (
            memory._replace(carry=memory.carry[:, :-1]),
            "carry of shape.*written by another model.*Received",
        ),
        "coverage above 1": (
            memory._replace(coverage=1.5 * memory.coverage),
            r"coverage must lie in \[0, 1\]. Received: values from 0.0 to 1.5",
        ),
        "coverage below 0": (
            memory._replace(coverage=memory.coverage - 0.25),
            "Received: values from -0.25",
        ),
        "coverage of NaN": (
            memory._replace(coverage=np.nan * memory.coverage),
            "Received: values from nan",
        ),
    }


@pytest.mark.parametrize("bad", _bad_memories(Memory(*[tf.zeros([3] * 4)] * 3)))
def test_bad_memories_are_named_by_every_method(box, episode, seeds, bad):
    memory, message = _bad_memories(box.write(episode))[bad]
    for method in (
        lambda: box.elbo(episode, seeds, memory=memory),
        lambda: box.generate(memory, 2, seeds),
        lambda: box.generate_from_keys(memory, box.draw_keys(2, seeds)),
        lambda: box.reconstruct(memory, episode, seeds),
        lambda: box.refine(memory, episode),
        lambda: box.infer_keys(memory, episode),
        lambda: box.write_next(memory, episode[:, 0]),
    ):
        with pytest.raises(UserError, match=message):
            method()


def test_a_memory_of_arrays_is_read_like_one_of_tensors(box, episode, seeds):
    memory = box.write(episode)
    arrays = Memory(*(part.numpy() for part in memory))
    np.testing.assert_array_equal(
        box.generate(arrays, 2, seeds), box.generate(memory, 2, seeds)
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_keys_that_are_no_numbers_are_named(box, episode, seeds, value):
    keys = box.draw_keys(2, seeds).numpy()
    keys[1, 1, 0, 2] = value
    with pytest.raises(UserError, match="finite numbers. Received"):
        box.generate_from_keys(box.write(episode), keys)


@pytest.mark.parametrize("shape", [(3, 2, 3), (3, 2, 2, 3), (3, 2, 1, 2)])
def test_keys_of_another_shape_are_named(box, episode, shape):
    memory = box.write(episode)
    with pytest.raises(UserError, match=r"\[3, N, 1, 3\]. Received: \(3, 2"):
        box.generate_from_keys(memory, np.zeros(shape, np.float32))


def test_bad_written_and_masks_are_named(box, episode, seeds):
    for method in (
        lambda **frames: box.write(episode, **frames),
        lambda **frames: box.elbo(episode, seeds, **frames),
        lambda **frames: box.key_posterior(episode, **frames),
        lambda **frames: box.ownership(episode, **frames),
    ):
        with pytest.raises(UserError, match=r"written must .*Received: shape \(3, 4\)"):
            method(written=np.ones((3, 4)))
        with pytest.raises(UserError, match=r"0 and 1 alone. Received: \[0.5\]"):
            method(mask=np.full((3, 5), 0.5))
        with pytest.raises(UserError, match="written=1 with mask=0"):
            method(mask=np.zeros((3, 5)), written=np.ones((3, 5)))
    with pytest.raises(UserError, match=r"mask must .*Received: shape \(3, 4\)"):
        box.predictive_elbo(episode, seeds, np.ones((3, 4)))


def test_bad_episodes_are_refused_by_every_method(box, episode, seeds):
    memory, bad = box.write(episode), episode * 255
    for method in (
        lambda: box.write(bad),
        lambda: box.elbo(bad, seeds),
        lambda: box.elbo(bad, seeds, memory=memory),
        lambda: box.predictive_elbo(bad, seeds),
        lambda: box.training_terms(bad, seeds),
        lambda: box.reconstruct(memory, bad, seeds),
        lambda: box.refine(memory, bad),
        lambda: box.infer_keys(memory, bad),
    ):
        with pytest.raises(UserError, match="Received: values from 0.0 to 255.0"):
            method()


def test_a_bound_at_the_keys_that_a_query_finds_lacks_their_cost_alone(spread, episode):
    memory, seeds = (
        spread.write(episode[:, :3]),
        tf.constant([[n, 4] for n in range(3)]),
    )
    mask = np.float32([[1, 1, 1, 0, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1]])
    keys = spread.infer_keys(memory, episode, seeds)
    found = spread.elbo_at(memory, episode, keys, seeds, mask)
    whole = spread.elbo(episode, seeds, mask, memory=memory)
    np.testing.assert_allclose(found.log_likelihood, whole.log_likelihood, rtol=1e-5)
    np.testing.assert_allclose(found.kl_latents, whole.kl_latents, rtol=1e-4, atol=1e-5)
    assert not np.any(found.kl_keys) and np.any(whole.kl_keys)
    elsewhere = tf.fill(keys.shape, -1.0)
    moved = spread.elbo_at(memory, episode, elsewhere, seeds, mask)
    away = np.abs(moved.log_likelihood - found.log_likelihood)
    assert np.max(away) > 1e-3

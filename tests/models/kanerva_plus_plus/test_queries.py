"""What queries find in a memory."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from kpp_tf import noise
from kpp_tf.models.kanerva_plus_plus.views import MemoryView
from tests.layer_checks import without_noise
from tests.models.kanerva_plus_plus.tiny import (
    BATCH,
    BLOCKS,
    LENGTH,
    assert_same_bits,
    make_model,
    random_episode,
    with_shift,
)


@pytest.fixture(
    scope="module",
    params=[{}, {**BLOCKS, "near": 0.5}],
    ids=["cells", "blocks, near too"],
)
def spread(request):
    """Frames that do not see each other, contents far apart, a prior that follows."""
    return make_model(**with_shift("none"), **request.param)


def _nearest(model, memory, contents):
    return MemoryView(model.reader, memory).nearest(contents).numpy()


def test_the_nearest_block_is_where_the_query_was_written(spread, episode):
    memory = spread.write(episode)
    side, grid = spread.block_size, spread.reader.grid
    owned = spread.ownership(episode).numpy()[:, :, ::side, ::side]
    owned = owned.reshape(BATCH, LENGTH, grid**2)
    contents = spread.writer.contents(
        spread.episodes.encode_queries(memory, episode)
    ).numpy()
    blocks = _nearest(spread, memory, contents)
    for b, t in np.ndindex(BATCH, LENGTH):
        assert np.all(owned[b, t, blocks[b, t]] == 1)
    order = [3, 1, 4, 0, 2]
    np.testing.assert_array_equal(
        _nearest(spread, memory, contents[:, order]), blocks[:, order]
    )


def test_queries_never_point_at_a_blank_block(spread, episode):
    """What is written is far from every query; the zeros of the others nearer."""
    memory = spread.write(episode[:, :2])
    far = memory._replace(cells=1e3 * memory.coverage[..., tf.newaxis] + memory.cells)
    contents = spread.writer.contents(spread.episodes.encode_queries(far, episode))
    blocks = _nearest(spread, far, contents)
    covered = spread.reader.as_blocks(memory.coverage[..., tf.newaxis])
    share = tf.gather(tf.reduce_min(covered, -1), blocks, batch_dims=1)
    assert np.all(share == 1)


def test_nearness_is_largest_at_the_nearest_block(spread, episode):
    memory = spread.write(episode[:, :2])
    nearness = spread.nearness(memory, episode).numpy()
    assert np.all((nearness >= 0) & (nearness <= 1))
    contents = spread.writer.contents(spread.episodes.encode_queries(memory, episode))
    nearest = _nearest(spread, memory, contents)
    np.testing.assert_array_equal(nearness.argmax(axis=-1), nearest)
    np.testing.assert_allclose(nearness[:, :2].max(axis=-1), 1, atol=1e-4)
    covered = spread.reader.as_blocks(memory.coverage[..., tf.newaxis]).numpy()
    blank = np.broadcast_to(covered.max(-1)[:, None, None] == 0, nearness.shape)
    assert np.all(nearness[blank] < 1e-20)


@pytest.mark.parametrize("written", [0, LENGTH])
def test_keys_of_queries_explain_them_best(
    spread, episode, seeds, written, monkeypatch
):
    """By the bound at the means, of all regions; all blocks of a frame or none."""
    memory = spread.write(episode[:, :written])
    embeddings = spread.episodes.encode_queries(memory, episode)
    view = MemoryView(spread.reader, memory)
    regions = spread.regions.of_any(embeddings, view)
    assert len(regions) == (3 if spread.near else 2)
    centres = np.stack([spread.keys.mean(region) for region in regions])
    without_noise(monkeypatch)
    terms = [spread.elbo_at(memory, episode, keys, seeds) for keys in centres]
    costs = np.stack(
        [
            elbo.bound - np.log(_volume(region))
            for elbo, region in zip(terms, regions, strict=True)
        ]
    )
    lowest = np.sort(costs, axis=0)
    apart = lowest[1] - lowest[0] > 1e-3
    # To an empty memory nothing is near, and two of the regions are the same.
    assert np.mean(apart) > 0.8 or (spread.near and not written)
    chosen = np.argmin(costs, axis=0)[np.newaxis, ..., np.newaxis, np.newaxis]
    best = np.take_along_axis(centres, chosen, axis=0)[0]
    keys = spread.infer_keys(memory, episode)
    np.testing.assert_allclose(keys.numpy()[apart], best[apart], atol=1e-5)


def _volume(region):
    """Share of the cube of keys, which the prior covers evenly: [B, T]."""
    centre, half = map(np.float64, region)
    edges = np.clip([centre - half, centre + half], 1e-4, 1 - 1e-4)
    return np.prod(edges[1] - edges[0], axis=(-1, -2))


def test_a_decoder_that_follows_the_memory_recalls(episode, seeds):
    """Where the block tells the image, a query is recalled, and scored as stored.

    Not always: for some images a look around may be as good.
    """
    model = make_model(moved=0.0, **with_shift("none"), memory_depth=12)
    _train(model, episode)
    memory = model.write(episode)
    keys = model.infer_keys(memory, episode)
    slots = model.slot_keys().numpy()
    distance = np.abs(keys.numpy()[:, :, 0, None] - slots).max(-1)
    recalled = distance.min(-1) < 1e-3
    assert np.mean(recalled) > 0.5
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

    for _ in range(300):
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

"""K++'s memory: who lies where, what a query finds, other sizes than the trained."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.models import KanervaPlusPlus
from tests.layer_checks import perturb
from tests.models.tiny_kanerva import (
    BATCH,
    DEPTH,
    LENGTH,
    NETWORKS,
    SHAPE,
    SIZE,
    assert_terms,
    make_model,
    random_episode,
)


@pytest.fixture(scope="module")
def episode():
    return random_episode()


@pytest.fixture(scope="module")
def seeds():
    return noise.row_seeds([1, 2], BATCH)


@pytest.fixture(scope="module")
def spread():
    """Untrained, one image a slot, frames that do not see each other."""
    return make_model(encoder={**NETWORKS["encoder"], "shift": "none"})


def test_queries_find_what_was_written_for_them(spread, episode):
    """The allocated writer put image t at slots t, t + T, ...: its content leads to
    one of them."""
    memory = spread.write(episode)
    keys = spread.infer_keys(memory, episode)
    slots = spread.allocator.slot_keys()
    distance = np.abs(keys - slots[None, None]).max(-1)  # [B, T, slots]
    np.testing.assert_allclose(distance.min(-1), 0, atol=1e-6)
    found = distance.argmin(-1) % LENGTH
    np.testing.assert_array_equal(found, [np.arange(LENGTH)] * BATCH)
    order = [3, 1, 4, 0, 2]
    permuted = spread.infer_keys(memory, episode[:, order])
    np.testing.assert_array_equal(permuted, tf.gather(keys, order, axis=1))


def test_every_slot_reads_the_frame_of_its_turn(spread, episode):
    """No key from the prior reads a blank: slot n holds what slot n mod T holds."""
    memory = spread.write(episode)
    slots = spread.allocator.slot_keys()
    keys = tf.repeat(slots[None, :, None], BATCH, axis=0)
    blocks = spread.read(memory, keys).blocks.numpy()
    assert np.all(np.abs(blocks).max(axis=(2, 3, 4, 5)) > 0.1)
    turns = np.arange(len(slots)) % LENGTH
    np.testing.assert_allclose(blocks, blocks[:, turns], atol=2e-2)


def test_ownership_counts_each_frame_where_it_wrote(spread, episode):
    """One cell a slot: frame t owns cells t, t + T, ... of the plane, padding none."""
    real = 3
    mask = np.zeros((BATCH, LENGTH), np.float32)
    mask[:, :real] = 1
    owned = spread.ownership(episode, mask).numpy().reshape(BATCH, LENGTH, -1)
    expected = np.zeros((LENGTH, SIZE**2))
    expected[np.arange(SIZE**2) % real, np.arange(SIZE**2)] = 1
    np.testing.assert_allclose(owned, [expected] * BATCH, atol=2e-2)


def test_permuted_queries_are_answered_in_their_order(spread, episode, seeds):
    memory = spread.write(episode)
    order = [3, 1, 4, 0, 2]
    images = spread.refine(memory, episode).numpy()
    permuted = spread.refine(memory, episode[:, order])
    np.testing.assert_allclose(permuted, images[:, order], atol=1e-5)
    assert not np.allclose(images[:, 0], images[:, 1], atol=1e-4)


def test_query_never_reads_a_slot_that_no_frame_wrote():
    model = KanervaPlusPlus(
        image_shape=(8, 8, 1),
        episode_length=2,
        memory_size=2,
        memory_depth=3,
        sharpness=3.0,
        encoder={"widths": (8,), "blocks": (1,), "embedding_size": 4},
        decoder={"widths": (8,), "blocks": (1,), "hidden": 0},
    )
    model.build_from_shapes()
    # Two of four slots are written, with what is far from every query's blocks: the
    # zeros of the others would be nearer.
    memory = np.zeros([1, 2, 2, 3], np.float32)
    memory[0, 0] = 1e3
    queries = tf.random.stateless_uniform([1, 5, 8, 8, 1], [1, 2])
    keys = model.infer_keys(tf.constant(memory), queries)
    assert np.all(model.reader.places(keys[..., 2]) < 0.5)


@pytest.mark.parametrize(("size", "block"), [(3, 1), (8, 2)])
def test_a_resized_memory_reads_the_same_and_names_more_places(size, block, seeds):
    """Boxes as wide as reads are flat: only their share of the memory changes."""
    model = make_model(
        memory_size=4,
        block_size=block,
        key_posterior="box",
        key_stddev=0.371 / 4 / 3**0.5,  # the plateau ends at 0.375 cells
        sharpness=4.0,
        scale_gain=0.0,
    )
    for layer in (model.writer, model.latent_prior, model.decoder):
        perturb(layer, 0.15)
    # What training does: a move of all keys by the reach, which the slots undo.
    model.allocator.place.mean.bias.assign([20.0, -20.0])
    model.allocator.slots.assign_add([[-0.02, 0.02]] * model.allocator.num_slots)
    resized = model.resized(size)
    slots = min(model.allocator.num_slots, resized.allocator.num_slots)
    episode = np.random.default_rng(6).random((BATCH, slots, *SHAPE)).astype(np.float32)
    small, other = model.elbo(episode, seeds), resized.elbo(episode, seeds)
    for name in ("log_likelihood", "kl_latents"):
        np.testing.assert_allclose(
            getattr(other, name), getattr(small, name), rtol=1e-4, atol=1e-3
        )
    np.testing.assert_allclose(
        other.kl_keys - small.kl_keys, 2 * np.log(size / 4), atol=1e-3
    )
    again = KanervaPlusPlus.from_config(resized.get_config())
    again.build_from_shapes()
    again.set_weights(resized.get_weights())
    assert_terms(again.elbo(episode, seeds), other)


def test_a_resized_memory_holds_longer_episodes_apart(seeds):
    """25 frames collide in 16 slots and not in 25; each then reads what it wrote."""
    model = make_model(key_posterior="box", key_stddev=0.02, sharpness=4.0)
    perturb(model.writer, 0.5)
    episode = np.random.default_rng(7).random((1, 25, *SHAPE)).astype(np.float32)
    contents = np.reshape(model.writer.contents(model.encoder(episode)), (25, DEPTH))
    for size, apart in ((4, False), (5, True)):
        copy = model.resized(size)
        keys = copy.allocator(copy.encoder(episode))[0]
        read = copy.reader(copy.write(episode), keys)
        error = np.abs(np.reshape(read, (25, DEPTH)) - contents).max()
        assert (error < 1e-3 * np.abs(contents).max()) == apart


def test_a_memory_of_the_trained_size_changes_nothing(episode, seeds):
    model = make_model(key_posterior="box")
    perturb(model, 0.15)
    expected = model.elbo(episode, seeds)
    assert_terms(model.resized(SIZE).elbo(episode, seeds), expected)
    # There and back: only what single slots learned is lost.
    model.allocator.slots.assign(make_model().allocator.slots + 0.01)
    back = model.resized(7).resized(SIZE)
    assert_terms(back.elbo(episode, seeds), model.elbo(episode, seeds))


@pytest.mark.parametrize("size", [0, 1])
def test_a_memory_smaller_than_a_block_is_refused(size):
    with pytest.raises(ValueError, match=rf"block_size, 2. Received: .*={size}"):
        make_model(block_size=2).resized(size)


def test_a_pooled_memory_has_one_size():
    with pytest.raises(ValueError, match=r"one memory_size alone, 4. Received.*=5"):
        make_model(writer="pooled").resized(5)

"""Writing one image at a time, and memories of another size."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.errors import UserError
from kpp_tf.models.kanerva_plus_plus import Memory
from tests.models.kanerva_plus_plus.tiny import (
    BATCH,
    BLOCKS,
    COMMON,
    LENGTH,
    SHAPE,
    assert_terms,
    make_model,
    random_episode,
    with_shift,
)


def _assert_close(got, expected):
    for name, x, y in zip(Memory._fields, got, expected, strict=True):
        np.testing.assert_allclose(x, y, atol=1e-5, err_msg=name)


def test_one_at_a_time_equals_all_at_once(model):
    """Image for image, until four more than fit have been written."""
    length = model.capacity + 4
    episode = random_episode(length, 2)
    memory, write_next = model.empty_memory(2), tf.function(model.write_next)
    for t in range(length):
        memory = write_next(memory, episode[:, t])
        _assert_close(memory, model.write(episode[:, : t + 1]))
    eager = model.write_next(memory, episode[:, 0])
    _assert_close(eager, write_next(memory, episode[:, 0]))


def test_what_the_shift_hands_on_counts(box, episode):
    """Without the carry the next image would be written as if it were the first."""
    memory = box.write(episode[:, :-1])
    forgotten = memory._replace(carry=tf.zeros_like(memory.carry))
    one, other = (box.write_next(m, episode[:, -1]) for m in (memory, forgotten))
    assert np.abs(one.cells - other.cells).max() > 1e-3


@pytest.mark.parametrize("networks", [{"widths": (8, 8), "blocks": (1, 1)}, {}])
@pytest.mark.parametrize("shift", ["causal", "none"])
def test_of_other_encoders(networks, shift, episode):
    encoder = {**COMMON["encoder"], "shift": shift, **networks}
    model = make_model(encoder=encoder)
    memory = model.write(episode[:, :2])
    for t in range(2, LENGTH):
        memory = model.write_next(memory, episode[:, t])
    _assert_close(memory, model.write(episode))


def test_after_frames_that_were_not_written(box, episode):
    written = np.float32([[1, 0, 1, 0]] * BATCH)
    memory = box.write_next(box.write(episode[:, :4], written=written), episode[:, 4])
    _assert_close(memory, box.write(episode[:, [0, 2, 4]]))


def test_a_bidirectional_encoder_refuses(episode):
    model = make_model(**with_shift("bidirectional"))
    memory = model.write(episode)
    with pytest.raises(UserError, match="shift='causal'. Received: .*bidirectional"):
        model.write_next(memory, episode[:, 0])


def test_a_bad_image_is_named(box, episode):
    memory = box.write(episode)
    with pytest.raises(UserError, match="Received: values from 0.0 to 255.0"):
        box.write_next(memory, 255 * episode[:, 0])
    with pytest.raises(UserError, match=r"Received: shape \(3, 1, 9, 8, 1\)"):
        box.write_next(memory, np.zeros((BATCH, 9, 8, 1), np.float32))


@pytest.mark.parametrize(("variant", "size"), [({}, 5), (BLOCKS, 12)])
def test_a_resized_memory_is_read_by_the_same_weights(variant, size, seeds):
    model = make_model(**variant)
    resized = model.resized(size)
    assert resized.memory_size == size and model.memory_size != size
    assert resized.capacity > model.capacity
    for one, other in zip(model.get_weights(), resized.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    # Recalled frames read what they wrote, whatever lies around it.
    episode = random_episode(min(model.capacity, 5), BATCH)
    small, large = (m.elbo(episode, seeds) for m in (model, resized))
    # To the error of `normal_cdf` at the edge of a block.
    np.testing.assert_allclose(
        large.log_likelihood, small.log_likelihood, rtol=5e-3, atol=5e-2
    )
    ratio = resized.reader.grid / model.reader.grid
    expected = 2 * model.blocks_per_frame * np.log(ratio)
    np.testing.assert_allclose(large.kl_keys - small.kl_keys, expected, atol=1e-3)


def test_a_resized_memory_holds_longer_episodes(box):
    episode = random_episode(box.capacity + 5, 1)
    larger = box.resized(4)
    assert box.capacity < episode.shape[1] <= larger.capacity
    assert np.sum(box.write(episode).coverage) == box.capacity
    assert np.sum(larger.write(episode).coverage) == episode.shape[1]


def test_the_same_size_changes_nothing(model, episode, seeds):
    copy = model.resized(model.memory_size)
    assert_terms(copy.elbo(episode, seeds), model.elbo(episode, seeds))


@pytest.mark.parametrize("size", [0, 1, 3])
def test_a_size_that_is_no_multiple_of_a_block_is_refused(size):
    with pytest.raises(ValueError, match=rf"Received: .*{size}"):
        make_model(**BLOCKS).resized(size)


def test_unknown_batches_and_lengths(box, episode):
    graph = tf.function(
        box.write, input_signature=[tf.TensorSpec([None, None, *SHAPE])]
    )
    for batch, length in ((3, 5), (1, 0), (2, 3)):
        part = episode[:batch, :length]
        _assert_close(graph(part), box.write(part))
    seeds = noise.row_seeds([1, 2], 1)
    assert box.generate(box.empty_memory(1), 2, seeds).shape == (1, 2, *SHAPE)

"""A full memory that is written on, memories of another batch, numbers out of range."""

import warnings

import numpy as np
import pytest

from kpp_tf.errors import UserError


def test_write_next_warns_of_a_full_memory_as_write_does(box, episode):
    """The tiny model holds 9 images."""
    memory = box.empty_memory(3)
    images = [episode[:, t % episode.shape[1]] for t in range(11)]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for image in images[:9]:
            memory = box.write_next(memory, image)
        assert not said
        box.write_next(memory, images[9])
    (warning,) = said
    assert "10 images do not fit a memory of 9" in str(warning.message)
    assert "memory_size=4" in str(warning.message)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")  # as a user has it: once a place
        for image in images[9:]:
            memory = box.write_next(memory, image)
    assert len(said) == 1


def test_write_next_reports_the_blocks_that_it_overwrites(box, episode):
    memory = box.empty_memory(3)
    for t in range(9):
        memory, replaced = box.write_next(
            memory, episode[:, t % episode.shape[1]], return_replaced=True
        )
        np.testing.assert_array_equal(replaced, [[-1]] * 3)  # K = 1: the block was free
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        after, replaced = box.write_next(
            memory, episode[:, 0] * 0, return_replaced=True
        )
    before, after = (
        box.reader.as_blocks(part.cells).numpy() for part in (memory, after)
    )  # [B, G * G, ...]
    changed = (before != after).reshape(3, 9, -1).any(axis=-1)
    for row, (block,) in enumerate(replaced.numpy()):
        np.testing.assert_array_equal(np.flatnonzero(changed[row]), [block])


def test_memories_of_another_batch_are_named_by_every_method(box, episode, seeds):
    memory = box.write(episode[:2])  # the episode has B = 3
    message = r"batch.*Received: .*2.*3|batch.*Received: .*3.*2"
    for method in (
        lambda: box.elbo(episode, seeds, memory=memory),
        lambda: box.infer_keys(memory, episode),
        lambda: box.reconstruct(memory, episode, seeds),
        lambda: box.refine(memory, episode),
        lambda: box.write_next(memory, episode[:, 0]),
    ):
        with pytest.raises(UserError, match=message):
            method()
    with pytest.raises(UserError, match=r"keys must be \[2, N.*Received: \(3, 2"):
        box.generate_from_keys(memory, box.draw_keys(2, seeds))


def test_parts_of_a_memory_agree_on_its_batch(box, episode, seeds):
    memory = box.write(episode)
    for part in memory._fields:
        mixed = memory._replace(**{part: getattr(memory, part)[:2]})
        with pytest.raises(UserError, match="batch.*Received"):
            box.generate(mixed, 2, seeds)


@pytest.mark.parametrize("temperature", [-1.0, np.nan, np.inf])
def test_impossible_temperatures_are_named(box, episode, seeds, temperature):
    memory = box.write(episode)
    bad = np.array([1.0, 1.0, temperature], np.float32)
    for method in (
        lambda: box.generate(memory, 2, seeds, bad),
        lambda: box.draw_keys(2, seeds, bad),
        lambda: box.generate_from_keys(memory, box.draw_keys(2, seeds), seeds, bad),
    ):
        with pytest.raises(UserError, match=r"temperature.*Received"):
            method()


def test_temperatures_are_one_a_memory(box, episode, seeds):
    with pytest.raises(UserError, match=r"temperature.*\[3\].*Received"):
        box.generate(box.write(episode), 2, seeds, np.ones(2, np.float32))


def test_a_negative_number_of_samples_is_named(box, episode, seeds):
    memory = box.write(episode)
    for method in (
        lambda: box.generate(memory, -1, seeds),
        lambda: box.draw_keys(-1, seeds),
    ):
        with pytest.raises(UserError, match="num_samples must be .*Received: -1"):
            method()
    assert box.generate(memory, 0, seeds).shape[1] == 0

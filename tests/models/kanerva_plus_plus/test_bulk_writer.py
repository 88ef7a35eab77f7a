"""Writing in chunks equals writing all at once."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.errors import UserError
from kpp_tf.models.kanerva_plus_plus import bulk_writer
from kpp_tf.models.kanerva_plus_plus.bulk_writer import BulkWriter
from tests.models.kanerva_plus_plus.tiny import make_model, random_episode, with_shift


@pytest.mark.parametrize("extra", [-2, 4], ids=["room left", "more than fit"])
def test_chunks_make_the_memory_of_all_at_once(model, extra, monkeypatch):
    monkeypatch.setattr(bulk_writer, "CHUNK", 4)
    length = model.capacity + extra
    episode = random_episode(length, 1)
    writer = BulkWriter(model)
    blocks = [writer.add(part) for part in np.split(episode[0], [1, 3])]
    for got, expected in zip(writer.memory(), model.write(episode), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-5)
    # What each image still owns, block by block.
    owned = model.ownership(episode)[0].numpy()
    side = model.block_size
    by_block = owned[:, ::side, ::side].reshape(length, -1)
    expected = np.where(by_block.any(axis=0), by_block.argmax(axis=0), -1)
    np.testing.assert_array_equal(writer.owners, expected)
    whole = by_block.sum(axis=1) == model.blocks_per_frame
    np.testing.assert_array_equal(writer.held(), whole)
    blocks = np.concatenate(blocks)
    for image in np.flatnonzero(whole):
        assert set(blocks[image]) == set(np.flatnonzero(by_block[image]))


def test_a_memory_is_added_to(box):
    episode = random_episode(6, 1)
    first = box.write(episode[:, :4])
    before = first.cells.numpy().copy()
    writer = BulkWriter(box, first)
    writer.add(episode[0, 4:])
    for got, expected in zip(writer.memory(), box.write(episode), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-5)
    np.testing.assert_array_equal(first.cells, before)
    assert (writer.owners >= 0).sum() == 2 and writer.count == 2


def test_nothing_changes_nothing(box):
    writer = BulkWriter(box)
    assert writer.add(np.zeros((0, 8, 8, 1), np.float32)).shape == (0, 1)
    assert np.all(writer.memory().cells == 0) and np.all(writer.owners == -1)


def test_what_cannot_be_written_is_named(box, episode):
    with pytest.raises(UserError, match="values from 0.0 to 255.0"):
        BulkWriter(box).add(255 * episode[0])
    with pytest.raises(UserError, match="shift='bidirectional'"):
        BulkWriter(make_model(**with_shift("bidirectional")))
    with pytest.raises(UserError, match="batch.*Received: 3"):
        BulkWriter(box, box.write(episode))


def test_blocks_give_what_their_keys_read(model):
    """In a memory of many blocks, some of them empty."""
    large = model.resized(15 * model.block_size)
    writer = BulkWriter(large)
    blocks = writer.add(random_episode(100, 1)[0])
    memory = writer.memory()
    contents = large.writer.contents(
        large.episodes.encode(tf.constant(random_episode(100, 1)), None)[0]
    )
    stored = tf.gather(large.reader.as_blocks(memory.cells)[0], blocks)
    np.testing.assert_allclose(stored, contents[0], atol=1e-5)
    some = np.concatenate([blocks, np.argwhere(writer.owners < 0)[: len(blocks[0])].T])
    keys = tf.gather(large.slot_keys(), some)[tf.newaxis]
    np.testing.assert_allclose(
        large.generate_from_blocks(memory, some[np.newaxis].astype(np.int32)),
        large.generate_from_keys(memory, keys),
        atol=1e-4,
    )

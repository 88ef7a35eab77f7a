"""The writer against numpy: what is stored, where, and what is left of it."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.layers.block_memory.reader import WindowReader
from kpp_tf.layers.block_memory.writer import BlockWriter, Writing
from kpp_tf.models.kanerva_plus_plus.windows import Windows
from tests.layer_checks import perturb
from tests.models.kanerva_plus_plus import by_numpy

BATCH, FEATURES, DEPTH, GRID = 2, 7, 3, 3
SHARES = {"finest": 0.4, "low": 0.3, "high": 0.8}
CASES = [(1, 1, "content"), (2, 2, "content"), (1, 2, "turn"), (2, 1, "turn")]


@pytest.fixture(scope="module", params=CASES, ids=lambda c: "P{}-K{}-{}".format(*c))
def writer(request):
    side, count, allocation = request.param
    keras.utils.set_random_seed(0)
    reader = WindowReader(GRID, side, **SHARES)
    writer = BlockWriter(reader, DEPTH, count, allocation)
    writer.build((None, None, side, side, FEATURES))
    perturb(writer, 0.5)
    return writer


def _embeddings(writer, length):
    side, random = writer.reader.block_size, np.random.default_rng(length)
    shape = (BATCH, length, side, side, FEATURES)
    return random.standard_normal(shape).astype(np.float32)


def _empty(writer):
    size = GRID * writer.reader.block_size
    return tf.zeros([BATCH, size, size, DEPTH]), tf.zeros([BATCH, size, size])


def _written(writer, length, written=None):
    written = np.ones((BATCH, length), np.float32) if written is None else written
    return writer(_embeddings(writer, length), written, np.ones((BATCH, GRID**2)))


def test_contents_are_linear_in_each_cell_of_the_embedding(writer):
    embeddings = _embeddings(writer, 4)
    kernel, bias = (np.float64(w) for w in writer.content.get_weights())
    count, side = writer.blocks_per_frame, writer.reader.block_size
    values = (embeddings @ kernel + bias).reshape(BATCH, 4, side, side, count, DEPTH)
    expected = np.moveaxis(values, 4, 2).reshape(BATCH, 4, count, -1)
    np.testing.assert_allclose(writer.contents(embeddings), expected, atol=1e-5)


@pytest.mark.parametrize("length", [0, 1, 4, 15])
def test_memory_equals_numpy(writer, length):
    """Also a full one, onto one in which something is written."""
    random, count = np.random.default_rng(3), writer.blocks_per_frame
    side = writer.reader.block_size
    written = (random.random((BATCH, length)) < 0.8).astype(np.float32)
    free = (random.random((BATCH, GRID**2)) < 0.8).astype(np.float32)
    writing = writer(_embeddings(writer, length), written, free)
    shape = (BATCH, length * count)
    wanted = np.reshape(writing.places, (*shape, 2))
    blocks = by_numpy.allocate(
        wanted if writer.allocation == "content" else 0 * wanted,
        np.repeat(written, count, axis=1),
        free,
        GRID,
    ).reshape(BATCH, length, count)
    np.testing.assert_array_equal(writing.blocks, blocks)
    before = tf.random.stateless_normal(_empty(writer)[0].shape, [1, 2])
    taken = np.repeat(1 - free[..., None], side**2, axis=-1)
    covers = writer.reader.as_cells(tf.constant(taken))[..., 0]
    before *= covers[..., tf.newaxis]
    cells, coverage = writer.store(writing, before, covers)
    expected, written = by_numpy.write(writing.contents, blocks, GRID, side, DEPTH)
    expected = np.where(written[..., None] > 0, expected, before)
    np.testing.assert_allclose(cells, expected, atol=1e-6)
    np.testing.assert_array_equal(coverage, np.maximum(written, covers))


def test_what_is_written_is_read_back_at_the_slots(writer):
    count = writer.blocks_per_frame
    length = GRID**2 // count
    writing = _written(writer, length)
    memory = writer.store(writing, *_empty(writer))
    slots = Windows(writer.reader, count, tails=False).slot_keys()
    keys = tf.gather(slots, writing.blocks)
    blocks, covered = writer.reader(*memory, keys)
    np.testing.assert_allclose(
        np.reshape(blocks, writing.contents.shape), writing.contents, atol=1e-5
    )
    np.testing.assert_allclose(covered, 1, atol=1e-5)
    # No two frames share a block.
    assert all(
        len(set(row)) == length * count
        for row in writing.blocks.numpy().reshape(BATCH, -1)
    )


def test_frames_are_held_until_one_of_their_blocks_is_overwritten():
    """Two blocks a frame: the third frame takes one of the first's."""
    blocks = tf.constant([[[0, 1], [2, 3], [1, 4], [-1, -1]]])
    writing = Writing(tf.zeros([1, 4, 2, 3]), tf.zeros([1, 4, 2, 2]), blocks)
    np.testing.assert_array_equal(writing.held(), [[0, 1, 1, 0]])
    after = writing.held_after(tf.range(5))
    expected = [[0] * 4, [1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0]]
    np.testing.assert_array_equal(after, [expected])
    parts = writing.blocks_held_after(tf.constant([3]))
    np.testing.assert_array_equal(parts, [[[[1, 0], [1, 1], [1, 1], [0, 0]]]])


def test_gradients_reach_what_is_held_alone(writer):
    length = 15
    embeddings = tf.constant(_embeddings(writer, length))
    written = np.ones((BATCH, length), np.float32)
    with tf.GradientTape() as tape:
        tape.watch(embeddings)
        writing = writer(embeddings, written, np.ones((BATCH, GRID**2)))
        cells, _ = writer.store(writing, *_empty(writer))
        total = tf.reduce_sum(cells**2)
    gradient = tape.gradient(total, embeddings)
    moved = np.any(gradient != 0, axis=(2, 3, 4))
    count = tf.shape(writing.blocks)[1][tf.newaxis]
    some = np.max(writing.blocks_held_after(count)[:, 0], axis=-1) > 0
    np.testing.assert_array_equal(moved, some)
    assert 0 < np.mean(~some)


def test_config_survives_json(writer):
    text = json.dumps(keras.saving.serialize_keras_object(writer))
    copy = keras.saving.deserialize_keras_object(json.loads(text))
    assert copy.reader.get_config() == writer.reader.get_config()
    copy.set_weights(writer.get_weights())
    embeddings, free = _embeddings(writer, 3), np.ones((BATCH, GRID**2))
    written = np.ones((BATCH, 3), np.float32)
    for one, other in zip(
        copy(embeddings, written, free), writer(embeddings, written, free), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_unknown_allocation_is_refused():
    with pytest.raises(ValueError, match=r"content.*turn.*Received: 'random'"):
        BlockWriter(WindowReader(2, 1, **SHARES), 3, 1, "random")

"""Writers: the reader's adjoint over its coverage, and pooling over time."""

import itertools

import numpy as np
import pytest

from kpp_tf.layers import AllocatedWriter, Allocator, BlockReader, PooledWriter
from tests.layer_checks import check_layer, perturb

BATCH, LENGTH, BLOCKS, FEATURES, DEPTH = 2, 4, 2, 7, 3
MASK = np.float32([[1, 1, 1, 0], [1, 0, 0, 0]])


@pytest.fixture(scope="module")
def embeddings():
    random = np.random.default_rng(0)
    return random.standard_normal((BATCH, LENGTH, FEATURES)).astype(np.float32)


@pytest.fixture(scope="module")
def keys():
    random = np.random.default_rng(1)
    return random.standard_normal((BATCH, LENGTH, BLOCKS, 3)).astype(np.float32)


@pytest.fixture(scope="module", params=[(5, 2), (6, 1)], ids=["S5-P2", "S6-P1"])
def writer(request, embeddings, keys):
    size, block = request.param
    layer = AllocatedWriter(BlockReader(size, block), DEPTH, BLOCKS)
    layer(embeddings, keys)
    perturb(layer)
    return layer


def _reading_weights(reader, keys):
    """What a read at the keys takes of each cell, found by reading unit memories."""
    cells = reader.memory_size**2
    unit = np.eye(cells, dtype=np.float32)
    unit = unit.reshape(1, reader.memory_size, reader.memory_size, cells)
    blocks = reader(np.repeat(unit, len(keys), axis=0), keys)
    return np.float64(blocks).reshape(len(keys), -1, cells)


def _contents(writer, embeddings):
    kernel, bias = (np.float64(w) for w in writer.content.get_weights())
    return (embeddings @ kernel + bias).reshape(len(embeddings), -1, DEPTH)


@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "padded"])
def test_memory_is_a_weighted_mean_of_what_was_written(writer, embeddings, keys, mask):
    size = writer.reader.memory_size
    weights = _reading_weights(writer.reader, keys)
    if mask is not None:
        per_frame = weights.shape[1] // LENGTH
        weights = weights * np.repeat(mask, per_frame, axis=1)[..., None]
    total = np.einsum("bnc,bnd->bcd", weights, _contents(writer, embeddings))
    coverage = np.maximum(weights.sum(axis=1), 1e-3)
    expected = (total / coverage[..., None]).reshape(BATCH, size, size, DEPTH)
    got = writer(embeddings, keys, frame_mask=mask)
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_padded_frames_write_nothing(writer, embeddings, keys):
    noisy, elsewhere = embeddings.copy(), keys.copy()
    noisy[MASK == 0], elsewhere[MASK == 0] = 1e3, -1.0
    got = writer(noisy, elsewhere, frame_mask=MASK)
    np.testing.assert_array_equal(got, writer(embeddings, keys, frame_mask=MASK))
    for row, real in enumerate([3, 1]):
        alone = writer(embeddings[row : row + 1, :real], keys[row : row + 1, :real])
        np.testing.assert_allclose(got[row : row + 1], alone, atol=1e-5)


def test_cells_that_no_block_reaches_stay_zero(embeddings):
    writer = AllocatedWriter(BlockReader(6), DEPTH)
    corner = np.broadcast_to(np.float32([0, -50, -50]), (BATCH, LENGTH, 1, 3))
    memory = writer(embeddings, corner).numpy()
    mean = np.mean(writer.contents(embeddings)[:, :, 0, 0, 0], axis=1)
    np.testing.assert_allclose(memory[:, 0, 0], mean, atol=1e-5)
    memory[:, 0, 0] = 0
    np.testing.assert_array_equal(memory, np.zeros_like(memory))


@pytest.mark.parametrize(("size", "block"), [(3, 1), (4, 2)])
def test_what_is_written_at_slots_is_read_back(embeddings, size, block):
    reader = BlockReader(size, block)
    allocator = Allocator(size, block)
    writer = AllocatedWriter(reader, DEPTH)
    keys, _ = allocator(embeddings)
    blocks = reader(writer(embeddings, keys), keys)
    np.testing.assert_allclose(blocks, writer.contents(embeddings), atol=0.02)


def test_allocated_writer_fulfils_the_layer_contract(
    writer, embeddings, keys, tmp_path
):
    reader = writer.reader
    size = reader.memory_size
    check_layer(
        lambda: AllocatedWriter(BlockReader(size, reader.block_size), DEPTH, BLOCKS),
        (embeddings, keys),
        ((BATCH, size, size, DEPTH),),
        tmp_path,
    )


@pytest.mark.parametrize("size", [3, 4, 6])
def test_pooled_writer_fulfils_the_layer_contract(embeddings, size, tmp_path):
    check_layer(
        lambda: PooledWriter(size, DEPTH, width=4),
        (embeddings,),
        ((BATCH, size, size, DEPTH),),
        tmp_path,
    )


def test_pooled_memory_is_the_same_in_any_order(embeddings):
    writer = PooledWriter(4, DEPTH, width=4)
    expected = writer(embeddings)
    for order in itertools.islice(itertools.permutations(range(LENGTH)), 1, 24, 7):
        np.testing.assert_allclose(
            writer(embeddings[:, list(order)]), expected, atol=1e-5
        )


def test_pooled_memory_leaves_padding_out(embeddings):
    writer = PooledWriter(4, DEPTH, width=4)
    noisy = embeddings.copy()
    noisy[MASK == 0] = 1e3
    got = writer(noisy, frame_mask=MASK)
    for row, real in enumerate([3, 1]):
        mean = embeddings[row : row + 1, :real].mean(axis=1, keepdims=True)
        np.testing.assert_allclose(got[row : row + 1], writer(mean), atol=1e-5)
    empty = writer(embeddings, frame_mask=np.zeros_like(MASK))
    assert np.all(np.isfinite(empty))

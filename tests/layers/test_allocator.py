"""The allocator: every frame its own place, and how far content may move it."""

import numpy as np
import pytest
from scipy import stats

from kpp_tf.layers import Allocator, BlockReader
from kpp_tf.layers.allocator import slot_centres
from tests.layer_checks import check_layer, perturb, precision

SIZES = [(6, 1), (4, 2), (5, 2)]  # S, P
BATCH, LENGTH, FEATURES = 2, 4, 7


@pytest.fixture(scope="module")
def embeddings():
    random = np.random.default_rng(0)
    return random.standard_normal((BATCH, LENGTH, FEATURES)).astype(np.float32)


@pytest.mark.parametrize(("size", "block"), SIZES)
def test_slots_tile_the_memory(size, block):
    per_side = size // block
    tiles = (np.arange(per_side) * block + block / 2) / size
    places = stats.norm.cdf(np.float64(slot_centres(size, block)))
    expected = [(x, y) for y in tiles for x in tiles]
    np.testing.assert_allclose(places, expected, atol=1e-6)


@pytest.mark.parametrize(("size", "block"), SIZES)
def test_a_slot_reads_its_own_cells(size, block):
    """The block at slot n holds the cells of tile n, to the error of `normal_cdf`."""
    allocator = Allocator(size, block)
    allocator.build((1, 1, 3))
    memory = np.random.default_rng(1).standard_normal((1, size, size, 3))
    keys = allocator.slot_keys()[None, :, None]
    blocks = BlockReader(size, block)(memory.astype(np.float32), keys)
    per_side = size // block
    for n in range(allocator.num_slots):
        row, column = np.array(divmod(n, per_side)) * block
        tile = memory[0, row : row + block, column : column + block]
        np.testing.assert_allclose(blocks[0, n, 0], tile, atol=2e-4 * 6 * size)


def test_starts_at_the_slots_in_turn(embeddings):
    allocator = Allocator(4, 2, blocks_per_frame=3, initial_stddev=0.05)
    mean, stddev = allocator(embeddings)
    assert allocator.num_slots == 4
    centres = slot_centres(4, 2)
    for t, k in np.ndindex(LENGTH, 3):
        slot = [0, *centres[(3 * t + k) % 4]]  # 12 blocks: each slot three times
        np.testing.assert_allclose(mean[:, t, k], [slot] * BATCH, atol=1e-6)
    np.testing.assert_allclose(stddev[..., 0], 1, rtol=1e-5)
    np.testing.assert_allclose(stddev[..., 1:], 0.05, rtol=1e-5)


def test_content_moves_a_place_by_its_reach(embeddings):
    allocator = Allocator(6, reach=0.03)
    start, _ = allocator(embeddings)
    perturb(allocator)
    slots = slot_centres(6, 1)
    allocator.slots.assign(slots)
    near, _ = allocator(embeddings)
    far, _ = allocator(1e4 * embeddings)
    for mean in (near, far):
        moved = np.abs(mean - start)[..., 1:]
        assert 0 < moved.max() <= 0.03 + 1e-6
    np.testing.assert_allclose(np.abs(far - start)[..., 1:], 0.03, atol=1e-5)
    # Two parts of it by hand: mean = slot + reach * tanh(W h + b).
    kernel, bias = (np.float64(w) for w in allocator.place.mean.get_weights())
    expected = slots[:LENGTH] + 0.03 * np.tanh(embeddings @ kernel + bias)
    np.testing.assert_allclose(near[:, :, 0, 1:], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("blocks", "real", "length", "expected"),
    [
        (1, None, 3, [0, 1, 2, 0, 1, 2, 0, 1, 2]),
        (2, None, 3, [0, 1, 2, 0]),  # nine slots are four pairs
        (1, None, 11, range(11)),  # more frames than slots: each still writes
        (1, 2, 5, [0, 1, 0, 1, 0, 1, 0, 1, 0]),
        (1, 1, 11, [0] * 9 + [None] * 2),  # padding never takes a slot again
        (1, 0, 3, [None] * 9),
    ],
)
def test_turns_go_round_until_every_slot_is_written(blocks, real, length, expected):
    mask = None if real is None else [[1.0] * real + [0.0] * (length - real)]
    turns = Allocator(3, 1, blocks).turns(length, mask)
    wanted = [[float(frame == t) for t in range(length)] for frame in expected]
    np.testing.assert_array_equal(turns, [wanted])


@pytest.mark.parametrize(("size", "block"), SIZES)
def test_fulfils_the_layer_contract(embeddings, size, block, tmp_path):
    shape = (BATCH, LENGTH, 2, 3)
    check_layer(
        lambda: Allocator(size, block, 2),
        (embeddings,),
        (shape, shape),
        tmp_path,
    )


def test_keys_are_float32_in_mixed_precision(embeddings):
    with precision("mixed_bfloat16"):
        allocator = Allocator(6)
    for output in allocator(embeddings):
        assert output.dtype == "float32"


def test_spread_scales_what_a_key_may_move(embeddings):
    narrow, wide = Allocator(6, spread=0.25, reach=0.04), Allocator(6, reach=0.04)
    wide(embeddings)
    perturb(wide)
    narrow(embeddings)
    narrow.set_weights(wide.get_weights())
    (mean, stddev), (wide_mean, wide_stddev) = narrow(embeddings), wide(embeddings)
    slots = wide.slot_keys()[None, :LENGTH, None, 1:]
    moved = np.abs(wide_mean[..., 1:] - slots).max()
    assert moved > 0.01
    np.testing.assert_allclose(
        mean[..., 1:] - slots, 0.25 * (wide_mean[..., 1:] - slots), atol=1e-6
    )
    np.testing.assert_allclose(stddev[..., 1:], 0.25 * wide_stddev[..., 1:], rtol=1e-6)
    np.testing.assert_array_equal(stddev[..., 0], wide_stddev[..., 0])


def test_displacement_is_what_most_slots_moved():
    """In units of the spread; two slots of sixteen that strayed do not count."""
    trained, other = Allocator(4, spread=0.5), Allocator(8, 2, spread=0.25)
    for allocator in (trained, other):
        allocator.build((1, 1, 3))
    offsets = np.full((16, 2), (0.02, -0.04), np.float32)
    offsets[:2] = 1.0
    trained.slots.assign(slot_centres(4, 1) + offsets)
    other.take_displacement(trained)
    moved = other.slots - slot_centres(8, 2)
    np.testing.assert_allclose(moved, [(0.01, -0.02)] * 16, atol=1e-6)

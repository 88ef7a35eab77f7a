"""The spatial transformer against SciPy's interpolation and its differences."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage, optimize, stats

from kpp_tf.layers import BlockReader, block_weights
from kpp_tf.layers.block_reader import normal_cdf
from tests.layer_checks import check_layer, precision

BATCH, LENGTH, BLOCKS, DEPTH, GAIN = 2, 3, 2, 4, 0.25
SIZES = [(6, 1), (5, 2), (4, 3)]  # S, P


def _cdf(y):
    """Page's formula in float64, as `normal_cdf` documents it."""
    return 1 / (1 + np.exp(-(1.5976 * y + 0.070566 * y**3)))


def _key_of(place):
    """The coordinate y with Phi(y) = place, by bisection."""
    return optimize.brentq(lambda y: _cdf(y) - place, -10, 10, xtol=1e-14)


def _positions(keys, size, block):
    """Places in cells of the block's rows and columns, unclamped: [..., 2, P]."""
    grid = np.arange(block) - (block - 1) / 2
    centres = size * _cdf(keys[..., [2, 1]]) - 0.5
    return centres[..., None] + np.exp(GAIN * keys[..., :1, None]) * grid


def _read(memory, keys, block):
    """SciPy's bilinear interpolation, the nearest border beyond the edges."""
    memory, keys = np.float64(memory), np.float64(keys)
    out = np.zeros((*keys.shape[:3], block, block, memory.shape[-1]))
    positions = _positions(keys, memory.shape[1], block)
    for index in np.ndindex(*keys.shape[:3]):
        rows, columns = positions[index]
        grid = np.meshgrid(rows, columns, indexing="ij")
        for d in range(memory.shape[-1]):
            plane = memory[index[0], ..., d]
            out[(*index, ..., d)] = ndimage.map_coordinates(
                plane, grid, order=1, mode="nearest"
            )
    return out


@pytest.fixture(scope="module", params=SIZES, ids=lambda p: f"S{p[0]}-P{p[1]}")
def case(request):
    size, block = request.param
    random = np.random.default_rng(size)
    memory = random.standard_normal((BATCH, size, size, DEPTH)).astype(np.float32)
    # Some of these places lie beyond the border, all off the kinks of the weights.
    while True:
        keys = 1.5 * random.standard_normal((BATCH, LENGTH, BLOCKS, 3))
        keys = keys.astype(np.float32)
        places = _positions(np.float64(keys), size, block)
        if np.abs(places - np.round(places)).min() > 2e-3:
            break
    return size, block, memory, keys


def test_normal_cdf_is_within_its_documented_error():
    y = np.linspace(-8, 8, 100_001).astype(np.float32)
    error = np.abs(normal_cdf(tf.constant(y)) - stats.norm.cdf(np.float64(y))).max()
    assert 1e-4 < error <= 1.8e-4
    far = normal_cdf(tf.constant([-1e4, -40.0, 0.0, 40.0, 1e4]))
    np.testing.assert_allclose(far, [0, 0, 0.5, 1, 1], atol=1e-7)


def test_read_equals_scipy(case):
    size, block, memory, keys = case
    got = BlockReader(size, block, scale_gain=GAIN)(memory, keys)
    assert got.shape == (BATCH, LENGTH, BLOCKS, block, block, DEPTH)
    np.testing.assert_allclose(got, _read(memory, keys, block), atol=2e-5)


def test_x_is_the_column_and_y_the_row():
    memory = np.arange(9, dtype=np.float32).reshape(1, 3, 3, 1)
    right, down = [0, 9, 0], [0, 0, 9]
    got = BlockReader(3)(memory, np.float32([[[right], [down]]]))
    np.testing.assert_allclose(np.ravel(got), [5, 7], atol=1e-5)


def test_far_keys_read_the_nearest_border():
    memory = np.arange(9, dtype=np.float32).reshape(1, 3, 3, 1)
    corners = [[0, x, y] for y in (-50, 50) for x in (-50, 50)]
    got = BlockReader(3)(memory, np.float32([corners])[:, :, None])
    np.testing.assert_allclose(np.ravel(got), [0, 2, 6, 8], atol=1e-6)


def test_gradients_equal_differences_of_scipy(case):
    size, block, memory, keys = case
    reader = BlockReader(size, block, scale_gain=GAIN)
    random = np.random.default_rng(1)
    factor = random.standard_normal((BATCH, LENGTH, BLOCKS, block, block, DEPTH))
    inputs = tf.constant(memory), tf.constant(keys)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        total = tf.reduce_sum(reader(*inputs) * factor)
    gradients = tape.gradient(total, inputs)
    memory, keys = np.float64(memory), np.float64(keys)

    def slope(direction_memory, direction_keys, h=1e-5):
        ends = [
            np.sum(
                factor
                * _read(
                    memory + sign * h * direction_memory,
                    keys + sign * h * direction_keys,
                    block,
                )
            )
            for sign in (1, -1)
        ]
        return (ends[0] - ends[1]) / (2 * h)

    # Every key by itself, then the memory along random directions (it is linear).
    scale = np.abs(gradients[1]).max()
    for index in np.ndindex(*keys.shape):
        direction = np.zeros(keys.shape)
        direction[index] = 1
        expected = slope(0.0, direction)
        np.testing.assert_allclose(gradients[1][index], expected, atol=1e-4 * scale)
    for _ in range(8):
        direction = random.standard_normal(memory.shape)
        got = np.sum(gradients[0] * direction)
        np.testing.assert_allclose(got, slope(direction, 0.0), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("sharpness", [1.0, 3.0])
def test_adjoint(case, sharpness):
    size, block, memory, keys = case
    reader = BlockReader(size, block, sharpness)
    random = np.random.default_rng(2)
    blocks = random.standard_normal((BATCH, LENGTH, BLOCKS, block, block, DEPTH))
    blocks = blocks.astype(np.float32)
    read = np.sum(np.float64(reader(memory, keys)) * blocks)
    spread = np.sum(np.float64(reader.adjoint(keys, blocks)) * memory)
    assert read == pytest.approx(spread, rel=1e-5)


@pytest.mark.parametrize("sharpness", [1.0, 1.5, 2.0, 8.0])
@pytest.mark.parametrize(("size", "block"), SIZES)
def test_weights_are_a_partition_of_one(size, block, sharpness):
    keys = 2 * np.random.default_rng(3).standard_normal((4, 50, 3))
    weights = block_weights(tf.constant(keys, tf.float32), size, block, sharpness)
    assert weights.shape == (4, 50, block, block, size, size)
    assert np.all(weights >= 0)
    np.testing.assert_allclose(np.sum(weights, axis=(-1, -2)), 1, atol=1e-5)


@pytest.mark.parametrize("sharpness", [1.25, 2.0, 4.0])
def test_a_sharp_key_may_move_on_its_plateau(sharpness):
    """Within (1 - 1/a) / 2 cells it reads its cell alone; beyond, a neighbour too."""
    size, cell, plateau = 6, 2, (1 - 1 / sharpness) / 2

    def weights(offset):
        x = _key_of((cell + offset + 0.5) / size)
        row = _key_of((cell + 0.5) / size)
        key = tf.constant([[0.0, x, row]], tf.float32)
        return block_weights(key, size, 1, sharpness).numpy()[0, 0, 0, cell]

    alone = np.eye(size)[cell]
    for offset in (-0.98 * plateau, 0.0, 0.98 * plateau):
        np.testing.assert_allclose(weights(offset), alone, atol=2e-6)
    for sign in (-1, 1):
        beyond = weights(sign * (plateau + 0.02))
        np.testing.assert_allclose(beyond[cell], 1 - 0.02 * sharpness, atol=1e-4)
        np.testing.assert_allclose(beyond[cell + sign], 0.02 * sharpness, atol=1e-4)


@pytest.mark.parametrize("sharpness", [1.0, 4.0])
def test_the_prior_covers_the_memory_uniformly(sharpness):
    """Under y ~ N(0, I) every cell, border or not, is read equally often."""
    size, count = 5, 500
    quantiles = stats.norm.ppf((np.arange(count) + 0.5) / count)
    keys = np.zeros((count, 3))
    keys[:, 1] = quantiles
    weights = block_weights(tf.constant(keys, tf.float32), size, 1, sharpness)
    share = np.mean(np.sum(weights, axis=(1, 2, 3)), axis=0)
    np.testing.assert_allclose(share, np.full(size, 1 / size), atol=1e-3)


def test_scale_magnifies_the_block():
    size, block = 9, 3
    middle = [[[[s, 0, 0]] for s in (0.0, 2.0, -2.0)]]
    ramp = np.broadcast_to(np.arange(9.0)[None, None, :, None], (1, 9, 9, 1))
    reader = BlockReader(size, block, scale_gain=0.25)
    got = reader(ramp.astype(np.float32), np.float32(middle))
    factors = np.exp([0, 0.5, -0.5])
    expected = 4 + factors[:, None] * [-1, 0, 1]
    np.testing.assert_allclose(got[0, :, 0, 0, :, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("sharpness", [1.0, 2.0])
def test_fulfils_the_layer_contract(case, sharpness, tmp_path):
    size, block, memory, keys = case
    check_layer(
        lambda: BlockReader(size, block, sharpness),
        (memory, keys),
        ((BATCH, LENGTH, BLOCKS, block, block, DEPTH),),
        tmp_path,
    )


def test_mixed_precision_does_not_move_keys(case):
    size, block, memory, keys = case
    exact = BlockReader(size, block)(memory, keys)
    with precision("mixed_bfloat16"):
        mixed = BlockReader(size, block)(memory, keys)
    np.testing.assert_array_equal(mixed, exact)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="Received: block_size=7, memory_size=6"):
        BlockReader(6, 7)
    with pytest.raises(ValueError, match=r"at least 1\. Received: 0.5"):
        BlockReader(6, sharpness=0.5)

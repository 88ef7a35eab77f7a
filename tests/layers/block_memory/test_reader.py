"""The reader of windows against SciPy's interpolation, averages and differences."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage, stats

from kpp_tf.layers.block_memory.reader import (
    WindowReader,
    normal_cdf,
    normal_quantile,
)
from tests.layer_checks import check_layer
from tests.models.kanerva_plus_plus import by_numpy

BATCH, LENGTH, COUNT, DEPTH = 2, 4, 2, 3
GRIDS = [(5, 1), (4, 2), (3, 3)]  # G, P
SHARES = {"finest": 0.4, "low": 0.3, "high": 0.8}


@pytest.fixture(scope="module", params=GRIDS, ids=lambda g: f"G{g[0]}-P{g[1]}")
def reader(request):
    return WindowReader(*request.param, **SHARES)


def _memory(reader, seed=0, covered=False):
    """Cells and coverage: of every size, with blanks, or all covered."""
    random = np.random.default_rng(seed)
    size = reader.grid * reader.block_size
    cells = random.standard_normal((BATCH, size, size, DEPTH)).astype(np.float32)
    coverage = random.random((BATCH, size, size)).astype(np.float32)
    coverage[random.random(coverage.shape) < 0.3] = 0
    return cells, np.ones_like(coverage) if covered else coverage


def _keys(reader, count=LENGTH, seed=1):
    """Keys [B, T, K, 3] with every width, off the kinks of the weights."""
    random = np.random.default_rng(seed)
    keys = np.zeros((BATCH, count, COUNT, 3), np.float32)
    for index in np.ndindex(*keys.shape[:3]):
        while True:
            key = random.standard_normal(3).astype(np.float32)
            share = (by_numpy.cdf(key[0]) - reader.low) / (reader.high - reader.low)
            width = by_numpy.widths(key[0], reader.grid, **SHARES)
            centres = reader.grid * by_numpy.cdf(key[1:]) - 0.5
            distance = np.abs(centres[:, None] - np.arange(reader.grid))
            kinks = np.abs(distance[..., None] - [0.5 + width / 2, abs(1 - width) / 2])
            if min(kinks.min(), np.abs(share), np.abs(share - 1)) > 2e-3:
                break
        keys[index] = key
    return keys


def _key_at(reader, width, x, y):
    """A key [1, 1, 1, 3] of that width in blocks at places (x, y)."""
    span = np.log(2 * reader.grid / reader.finest)
    share = np.log(width / reader.finest) / span
    scale = reader.low + share * (reader.high - reader.low)
    key = [by_numpy.key_of(p) for p in (scale, x, y)]
    return np.float32(key).reshape(1, 1, 1, 3)


def _reads(reader, cells, coverage, keys):
    return by_numpy.read(cells, coverage, keys, reader.block_size, **SHARES)


def test_normal_cdf_is_within_its_documented_error():
    y = np.linspace(-8, 8, 100_001).astype(np.float32)
    error = np.abs(normal_cdf(tf.constant(y)) - stats.norm.cdf(np.float64(y))).max()
    assert 1e-4 < error <= 1.8e-4
    far = normal_cdf(tf.constant([-1e4, -40.0, 0.0, 40.0, 1e4]))
    np.testing.assert_allclose(far, [0, 0, 0.5, 1, 1], atol=1e-7)


def test_normal_quantile_is_the_inverse():
    u = np.concatenate([np.geomspace(1e-6, 0.5, 50), 1 - np.geomspace(1e-4, 0.5, 50)])
    got = normal_quantile(tf.constant(u, tf.float32))
    expected = [by_numpy.key_of(p) for p in np.float32(u).astype(np.float64)]
    np.testing.assert_allclose(got, expected, atol=2e-5)
    np.testing.assert_allclose(normal_cdf(got), u, atol=1e-6)


def test_reads_what_lies_in_the_window(reader):
    cells, coverage = _memory(reader)
    keys = _keys(reader, 20)
    blocks, covered = reader(cells, coverage, keys)
    expected = _reads(reader, cells, coverage, keys)
    assert blocks.shape == expected[0].shape and covered.shape == expected[1].shape
    np.testing.assert_allclose(blocks, expected[0], atol=5e-5)
    np.testing.assert_allclose(covered, expected[1], atol=5e-6)


@pytest.mark.parametrize("blanks", [True, False])
def test_a_window_one_block_wide_interpolates_bilinearly(reader, blanks):
    """SciPy, on each plane of the cells that blocks have in common; 0 beyond."""
    cells, coverage = _memory(reader, covered=not blanks)
    random = np.random.default_rng(2)
    side = reader.block_size
    for place in random.uniform(0.02, 0.98, (12, 2)):
        key = np.repeat(_key_at(reader, 1.0, *place), BATCH, axis=0)
        blocks, covered = reader(cells, coverage, key)
        at = reader.grid * place[::-1, None] - 0.5

        def at_place(plane, at=at):
            return ndimage.map_coordinates(
                np.float64(plane), at, order=1, mode="grid-constant"
            )[0]

        for b, i, j in np.ndindex(BATCH, side, side):
            part = (b, slice(i, None, side), slice(j, None, side))
            share = at_place(coverage[part])
            assert float(covered[b, 0, 0, i, j]) == pytest.approx(share, abs=1e-5)
            for d in range(DEPTH):
                total = at_place(np.float64(cells[(*part, d)]) * coverage[part])
                expected = total / share if share > 1e-6 else 0
                got = float(blocks[b, 0, 0, i, j, d])
                assert got == pytest.approx(expected, abs=1e-4 / max(share, 1e-2))


def test_the_finest_window_may_move_within_a_block(reader):
    """By (1 - finest) / 2 blocks it reads its block alone; beyond, a neighbour too."""
    centre, free = (1 + 0.5) / reader.grid, (1 - reader.finest) / 2

    def shares(offset):
        key = _key_at(reader, reader.finest, centre + offset / reader.grid, centre)
        return reader.weights_at(key).numpy().reshape(reader.grid, reader.grid)[1]

    alone = np.eye(reader.grid)[1]
    for offset in (-0.98 * free, 0, 0.98 * free):
        np.testing.assert_allclose(shares(offset), alone, atol=1e-5)
    for sign in (-1, 1):
        beyond = shares(sign * (free + 0.1 * reader.finest))
        np.testing.assert_allclose(beyond[1], 0.9, atol=1e-4)
        np.testing.assert_allclose(beyond[1 + sign], 0.1, atol=1e-4)


def test_gradients_equal_differences_in_float64(reader):
    cells, coverage = _memory(reader)
    coverage = np.maximum(coverage, 0.05)  # a bare block's mean jumps
    keys, random = _keys(reader), np.random.default_rng(5)
    inputs = [tf.constant(x) for x in (cells, coverage, keys)]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        out = reader(*inputs)
        factors = [random.standard_normal(x.shape) for x in out]
        total = tf.add_n(
            [tf.reduce_sum(x * f) for x, f in zip(out, factors, strict=True)]
        )
    gradients = [np.float64(g) for g in tape.gradient(total, inputs)]

    def slope(which, direction, h=1e-6):
        ends = []
        for sign in (1, -1):
            moved = [np.float64(x) for x in (cells, coverage, keys)]
            moved[which] = moved[which] + sign * h * direction
            out = _reads(reader, *moved)
            ends.append(sum(np.sum(x * f) for x, f in zip(out, factors, strict=True)))
        return (ends[0] - ends[1]) / (2 * h)

    scale = np.abs(gradients[2]).max()
    for index in np.ndindex(*keys.shape):
        direction = np.zeros(keys.shape)
        direction[index] = 1
        expected = slope(2, direction)
        np.testing.assert_allclose(gradients[2][index], expected, atol=1e-3 * scale)
    for which in (0, 1):
        for _ in range(4):
            direction = random.standard_normal(gradients[which].shape)
            got = np.sum(gradients[which] * direction)
            norm = np.abs(gradients[which] * direction).sum()
            assert got == pytest.approx(slope(which, direction), abs=1e-4 * norm)


def test_an_empty_memory_reads_nothing_and_no_nan(reader):
    cells, coverage = (tf.zeros_like(x) for x in _memory(reader))
    inputs = [cells, coverage, tf.constant(_keys(reader))]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        blocks, covered = reader(*inputs)
        total = tf.reduce_sum(blocks**2) + tf.reduce_sum(blocks + 1)
        total += tf.reduce_sum(covered)
    assert np.all(blocks.numpy() == 0) and np.all(covered.numpy() == 0)
    for gradient in tape.gradient(total, inputs):
        assert np.all(np.isfinite(gradient))


def test_widths_and_their_inverse(reader):
    scales = np.linspace(-4, 4, 200, dtype=np.float32)
    widths = by_numpy.widths(scales, reader.grid, **SHARES)
    np.testing.assert_allclose(reader.widths(scales), widths, rtol=1e-5)
    breadth = by_numpy.breadth(scales, reader.low, reader.high)
    np.testing.assert_allclose(reader.breadth(scales), breadth, atol=1e-6)
    inside = np.geomspace(0.41, 1.99 * reader.grid, 30).astype(np.float32)
    np.testing.assert_allclose(reader.widths(reader.scale_of(inside)), inside, 1e-4)
    # At the ends, and beyond: the median of all that read so.
    ends = reader.scale_of([0.1, 0.4, 2.0 * reader.grid, 99.0])
    expected = [0.15, 0.15, 0.9, 0.9]
    np.testing.assert_allclose(by_numpy.cdf(ends), expected, atol=1e-5)


def test_places_are_shares_of_the_side(reader):
    keys = np.float32([[-2, 0.3], [1, 5]])
    np.testing.assert_allclose(reader.places(keys), by_numpy.cdf(keys), atol=1e-6)


def test_blocks_and_cells_are_inverses(reader):
    cells, _ = _memory(reader)
    blocks = reader.as_blocks(tf.constant(cells))
    side, grid = reader.block_size, reader.grid
    for n in range(grid**2):
        row, column = np.array(divmod(n, grid)) * side
        tile = cells[:, row : row + side, column : column + side]
        np.testing.assert_array_equal(blocks[:, n], tile.reshape(BATCH, -1))
    np.testing.assert_array_equal(reader.as_cells(blocks), cells)


def test_fulfils_the_layer_contract(reader, tmp_path):
    cells, coverage = _memory(reader)
    keys, side = _keys(reader), reader.block_size
    shape = (BATCH, LENGTH, COUNT, side, side)
    check_layer(
        lambda: WindowReader(reader.grid, side, **SHARES),
        (cells, coverage, keys),
        ((*shape, DEPTH), shape),
        tmp_path,
        float32=True,  # so that no key moves
    )


def _as_lite(function, inputs):
    """What TFLite's own operations alone make of a function of named arrays."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    specs = [tf.TensorSpec(x.shape, tf.float32, name) for name, x in inputs.items()]
    module = tf.Module()
    module.function = tf.function(function, input_signature=specs)
    graph = module.function.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], module)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    lite = interpreter.Interpreter(model_content=converter.convert())
    return lite.get_signature_runner()(**inputs)


def test_converts_to_builtins_of_tflite():
    reader = WindowReader(4, 2, **SHARES)
    inputs = [x[:1] for x in (*_memory(reader), _keys(reader))]

    def read(cells, coverage, keys):
        return dict(
            zip(("blocks", "covered"), reader(cells, coverage, keys), strict=True)
        )

    names = ("cells", "coverage", "keys")
    got = _as_lite(read, dict(zip(names, inputs, strict=True)))
    expected = _reads(reader, *inputs)
    np.testing.assert_allclose(got["blocks"], expected[0], atol=1e-4)
    np.testing.assert_allclose(got["covered"], expected[1], atol=1e-5)


def test_quantile_converts_to_builtins_of_tflite():
    """`infer_keys` is served by TFLite, and its keys are quantiles."""
    places = np.linspace(0.01, 0.99, 9, dtype=np.float32)
    got = _as_lite(lambda u: {"keys": normal_quantile(u)}, {"u": places})
    np.testing.assert_allclose(by_numpy.cdf(got["keys"]), places, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grid": 0}, "Received: grid=0, block_size=1"),
        ({"block_size": 0}, "Received: grid=3, block_size=0"),
        ({"finest": 0.0}, r"\(0, 1\). Received: 0.0"),
        ({"finest": 1.0}, "Received: 1.0"),
        ({"low": 0.0}, "0 < low < high < 1. Received: 0.0, 0.8"),
        ({"low": 0.8}, "Received: 0.8, 0.8"),
        ({"high": 1.0}, "Received: 0.3, 1.0"),
    ],
)
def test_wrong_arguments_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        WindowReader(**{"grid": 3, "block_size": 1, **SHARES, **changes})

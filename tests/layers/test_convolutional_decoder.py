"""The decoder: shapes, what each image depends on, and its arithmetic at the end."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.layers import ConvolutionalDecoder
from tests.layer_checks import check_layer

BATCH, LENGTH, FEATURES = 2, 3, 5
CASES = {
    "one stage": (
        (8, 8, 1),
        1,
        {"widths": (8,), "blocks": (1,), "head_stride": 4, "hidden": 7},
    ),
    "two stages": (
        (8, 12, 3),
        6,
        {"widths": (8, 4), "blocks": (1, 1), "head_stride": 2, "hidden": 0},
    ),
    "no head stride": (
        (4, 4, 1),
        2,
        {"widths": (8, 4), "blocks": (0, 1), "head_stride": 1, "hidden": 6},
    ),
}


@pytest.fixture(scope="module")
def code():
    random = np.random.default_rng(0)
    return random.standard_normal((BATCH, LENGTH, FEATURES)).astype(np.float32)


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def test_fulfils_the_layer_contract(case, code, tmp_path):
    image_shape, parameters, arguments = case
    check_layer(
        lambda: ConvolutionalDecoder(image_shape, parameters, **arguments),
        (code,),
        ((BATCH, LENGTH, *image_shape[:2], parameters),),
        tmp_path,
        float32=True,
    )


def test_an_image_depends_on_its_own_code(case, code):
    image_shape, parameters, arguments = case
    decoder = ConvolutionalDecoder(image_shape, parameters, **arguments)
    images = decoder(code)
    changed = code.copy()
    changed[0, 1] += 1
    difference = np.abs(decoder(changed) - images).max(axis=(2, 3, 4))
    assert difference[0, 1] > 1e-4
    difference[0, 1] = 0
    assert difference.max() < 1e-5


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_head_spreads_its_channels_over_its_pixels(code, stride):
    """A bias alone: pixel (i, j) of each patch shows channels of offset (i, j)."""
    count = 3
    decoder = ConvolutionalDecoder(
        (8, 8, 1), count, widths=(4,), blocks=(0,), head_stride=stride, hidden=0
    )
    decoder(code)
    bias = np.arange(stride**2 * count, dtype=np.float32)
    decoder.head.kernel.assign(tf.zeros_like(decoder.head.kernel))
    decoder.head.bias.assign(bias)
    tile = np.tile(bias.reshape(stride, stride, count), (8 // stride, 8 // stride, 1))
    got = decoder(code)
    np.testing.assert_array_equal(got, np.broadcast_to(tile, got.shape))


@pytest.mark.parametrize("cell", range(4))
def test_a_map_is_read_row_by_row(cell):
    """The second of four cells is the upper right quarter of the image, not another."""
    decoder = ConvolutionalDecoder(
        (4, 4, 1), 1, widths=(8,), blocks=(0,), head_stride=2, hidden=0, code_side=2
    )
    code = np.zeros((1, 1, 2 * 2 * 3), np.float32)
    decoder(code)
    # Kernels of their middle alone keep the cells apart.
    for layer in (decoder.start, decoder.head):
        middle = np.zeros(layer.kernel.shape, np.float32)
        middle[1, 1] = np.asarray(layer.kernel)[1, 1]
        layer.kernel.assign(middle)
    code[..., 3 * cell : 3 * cell + 3] = 1.0
    changed = np.asarray(decoder(code))[0, 0, ..., 0] != 0
    expected = np.zeros((4, 4), bool)
    row, column = 2 * (cell // 2), 2 * (cell % 2)
    expected[row : row + 2, column : column + 2] = True
    np.testing.assert_array_equal(changed, expected)


def test_wrong_arguments_are_named():
    sizes = {"widths": (8, 8), "head_stride": 4, "hidden": 0}
    with pytest.raises(ValueError, match=r"Received: 8 for image_shape=\(28, 28, 1\)"):
        ConvolutionalDecoder((28, 28, 1), 1, blocks=(1, 1), **sizes)
    with pytest.raises(ValueError, match=r"widths=\(8, 8\), blocks=\(1,\)"):
        ConvolutionalDecoder((28, 28, 1), 1, blocks=(1,), **sizes)

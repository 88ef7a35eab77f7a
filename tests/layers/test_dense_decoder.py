"""The dense decoder against numpy in float64, and the choice of a decoder by name."""

import numpy as np
import pytest

from kpp_tf.layers import ConvolutionalDecoder, DenseDecoder, make_decoder
from tests.layer_checks import check_layer, perturb

BATCH, LENGTH, FEATURES = 2, 3, 5


@pytest.fixture(scope="module")
def code():
    random = np.random.default_rng(0)
    return random.standard_normal((BATCH, LENGTH, FEATURES)).astype(np.float32)


CONVOLUTIONS = {"widths": (4, 2), "blocks": (1, 0), "head_stride": 1, "hidden": 0}


@pytest.mark.parametrize("convolutions", [None, CONVOLUTIONS])
@pytest.mark.parametrize(("shape", "count"), [((4, 6, 1), 1), ((4, 4, 3), 7)])
def test_fulfils_the_layer_contract(shape, count, convolutions, code, tmp_path):
    check_layer(
        lambda: DenseDecoder(
            shape, count, hidden=8, layers=2, convolutions=convolutions
        ),
        (code,),
        ((BATCH, LENGTH, *shape[:2], count),),
        tmp_path,
        float32=True,
    )


@pytest.mark.parametrize("layers", [1, 3])
def test_equals_numpy(layers, code):
    decoder = DenseDecoder((4, 2, 1), 3, hidden=8, layers=layers)
    decoder(code)
    perturb(decoder)
    weights = [w.astype(np.float64) for w in decoder.get_weights()]

    def silu(h):
        return h / (1 + np.exp(-h))

    features = silu(code.astype(np.float64) @ weights[0] + weights[1])
    for layer in range(1, layers):
        kernel, bias = weights[2 * layer : 2 * layer + 2]
        features = features + silu(features @ kernel + bias)
    pixels = features @ weights[-2] + weights[-1]
    # Rows first, then columns, then a pixel's parameters.
    expected = pixels.reshape(BATCH, LENGTH, 4, 2, 3)
    np.testing.assert_allclose(decoder(code), expected, rtol=1e-4, atol=1e-5)


def test_convolutions_of_the_last_layer_add_to_the_pixels(code):
    plain = DenseDecoder((4, 2, 1), 3, hidden=8, layers=2)
    both = DenseDecoder((4, 2, 1), 3, hidden=8, layers=2, convolutions=CONVOLUTIONS)
    plain(code), both(code)
    for ours, theirs in zip(plain.weights, both.weights, strict=False):
        theirs.assign(ours)
    np.testing.assert_array_equal(both(code), plain(code))  # at the start
    perturb(both.convolutions)
    hidden = both.hidden[0](code)
    hidden += both.hidden[1](hidden)
    alone = ConvolutionalDecoder((4, 2, 1), 3, **CONVOLUTIONS)
    alone(hidden)
    alone.set_weights(both.convolutions.get_weights())
    difference = both(code) - plain(code)
    assert np.abs(difference).max() > 0.1
    np.testing.assert_allclose(difference, alone(hidden), rtol=1e-4, atol=1e-5)


def test_a_decoder_is_chosen_by_name():
    dense = make_decoder((28, 28, 1), 2, kind="dense", hidden=16, layers=1)
    assert isinstance(dense, DenseDecoder) and dense.name == "decoder"
    sizes = {"widths": (8,), "blocks": (1,), "head_stride": 4, "hidden": 0}
    convolutional = make_decoder((28, 28, 1), 2, **sizes)
    assert isinstance(convolutional, ConvolutionalDecoder)
    with pytest.raises(ValueError, match="Received: 'wavelet'"):
        make_decoder((28, 28, 1), 2, kind="wavelet")
    with pytest.raises(ValueError, match="at least 1. Received: 0"):
        DenseDecoder((28, 28, 1), 2, hidden=16, layers=0)

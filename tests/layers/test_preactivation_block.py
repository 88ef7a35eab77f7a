"""The decoder's residual block against a float64 computation."""

import numpy as np
import pytest
from scipy import ndimage

from kpp_tf.layers.preactivation_block import PreactivationBlock
from tests.layer_checks import check_layer, perturb

SHAPE = (3, 5, 4, 6)


@pytest.fixture(scope="module")
def frames():
    return np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)


def _convolve(frames, kernel):
    out = np.zeros((*frames.shape[:3], kernel.shape[-1]))
    for image, result in zip(frames, out, strict=True):
        for source in range(kernel.shape[2]):
            for target in range(kernel.shape[3]):
                result[..., target] += ndimage.correlate(
                    image[..., source], kernel[..., source, target], mode="constant"
                )
    return out


def test_equals_scipy(frames):
    block = PreactivationBlock(SHAPE[-1])
    block(frames)
    perturb(block)
    first, second = np.float64(block.first.kernel), np.float64(block.second.kernel)
    inner = _convolve(np.maximum(np.float64(frames), 0), first)
    inner += np.float64(block.first.bias)
    expected = frames + _convolve(np.maximum(inner, 0), second)
    np.testing.assert_allclose(block(frames), expected, atol=2e-5)


def test_starts_as_the_identity(frames):
    np.testing.assert_array_equal(PreactivationBlock(SHAPE[-1])(frames), frames)


def test_fulfils_the_layer_contract(frames, tmp_path):
    check_layer(lambda: PreactivationBlock(SHAPE[-1]), (frames,), (SHAPE,), tmp_path)

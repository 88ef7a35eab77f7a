"""The Gaussian head against numpy."""

import numpy as np
import pytest

from kpp_tf.layers import GaussianHead
from tests.layer_checks import check_layer, perturb

SHAPE = (2, 3, 5)


@pytest.fixture(scope="module")
def features():
    return np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)


def test_equals_numpy(features):
    head = GaussianHead(4)
    head(features)
    perturb(head)
    mean_kernel, mean_bias, kernel, bias = map(np.float64, head.get_weights())
    mean, stddev = head(features)
    np.testing.assert_allclose(mean, features @ mean_kernel + mean_bias, atol=1e-5)
    raw = features @ kernel + bias
    np.testing.assert_allclose(stddev, 1e-4 + np.logaddexp(0, raw), rtol=1e-5)


@pytest.mark.parametrize("initial", [0.02, 1.0, 3.0])
def test_starts_at_its_standard_deviation(features, initial):
    head = GaussianHead(4, initial_stddev=initial)
    _, stddev = head(100 * features)
    np.testing.assert_allclose(stddev, np.full((2, 3, 4), initial), rtol=1e-5)


def test_standard_deviation_keeps_its_floor(features):
    head = GaussianHead(4)
    head(features)
    head.stddev.bias.assign(np.full(4, -1000.0))
    np.testing.assert_allclose(head(features)[1], np.full((2, 3, 4), 1e-4), rtol=1e-6)


def test_fulfils_the_layer_contract(features, tmp_path):
    check_layer(
        lambda: GaussianHead(4, initial_stddev=0.5),
        (features,),
        ((2, 3, 4), (2, 3, 4)),
        tmp_path,
        float32=True,
    )


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="over 0.0001. Received: 0.0001"):
        GaussianHead(4, initial_stddev=1e-4)

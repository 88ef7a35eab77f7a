"""Building a model by its config, and messages of configs that cannot be built."""

import numpy as np
import pytest

from kpp_tf import models
from kpp_tf.errors import UserError
from kpp_tf.layers import TSMResNet
from tests.evaluation import tiny_models


def test_build_model_by_name_and_seed():
    config = tiny_models.config()
    first, same = (models.build_model(config) for _ in range(2))
    assert isinstance(first, models.KanervaPlusPlus) and first.built
    assert first.image_shape == config.data.image_shape
    assert first.episode_length == config.data.episode_length
    for one, other in zip(first.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    config.seed += 1
    other = models.build_model(config)
    assert np.all(first.encoder.get_weights()[0] != other.encoder.get_weights()[0])
    # The config's encoder arguments arrived at the layer.
    encoder = TSMResNet(**config.model.encoder)
    encoder.build((1, 1, *first.image_shape))
    assert first.encoder.count_params() == encoder.count_params()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "kanerva", "config.model.name must be .*kanerva_plus_plus.*'kanerva'"),
        ("nowhere", 1, "nowhere"),
        ("block_size", 99, "Received: memory_size=2, block_size=99"),
        ("allocation", "none", r"\('content', 'turn'\). Received: 'none'"),
        ("key_posterior", "cube", r"\['box', 'gaussian'\]. Received: 'cube'"),
        ("likelihood", "poisson", "bernoulli.*Received: 'poisson'"),
        ("encoder.shift", "sideways", "sideways"),
        ("encoder.widths", (8, 8), "widths and blocks"),
    ],
)
def test_a_model_that_cannot_be_built_is_refused(field, value, message):
    config = tiny_models.config().unlock()
    config.update_from_flattened_dict({f"model.{field}": value})
    with pytest.raises(UserError, match=message):
        models.build_model(config)

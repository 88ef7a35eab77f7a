"""What a config's model cannot be is said to a person."""

import pytest

from kpp_tf.errors import UserError
from kpp_tf.models import build_model
from tests.evaluation import tiny_models


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "kanerva", "config.model.name must be one of"),
        ("nowhere", 1, "nowhere"),
        ("block_size", 99, "block_size"),
        ("encoder.shift", "sideways", "sideways"),
        ("encoder.widths", (8, 8), "widths and blocks"),
    ],
)
def test_a_model_that_cannot_be_built_is_refused(field, value, said):
    config = tiny_models.config().unlock()
    config.update_from_flattened_dict({f"model.{field}": value})
    with pytest.raises(UserError, match=said):
        build_model(config)

"""The warning of a memory that is too small."""

import types
import warnings

import pytest
import tensorflow as tf

from kpp_tf.models.kanerva_plus_plus import capacity as capacity_lib
from tests.models.kanerva_plus_plus import tiny


@pytest.mark.parametrize(
    ("blocks_per_frame", "block_size", "capacity", "size"),
    [(1, 1, 36, 7), (2, 1, 18, 9), (1, 4, 36, 28)],
)
def test_the_warning_names_a_size_that_is_enough(
    blocks_per_frame, block_size, capacity, size
):
    model = types.SimpleNamespace(
        capacity=capacity, blocks_per_frame=blocks_per_frame, block_size=block_size
    )
    assert capacity_lib.warning(model, capacity) is None
    length = {36: 40, 18: 40}[capacity]
    said = capacity_lib.warning(model, length)
    assert f"--memory_size={size} holds" in said
    assert (size // block_size) ** 2 // blocks_per_frame >= length
    assert capacity_lib.warning(types.SimpleNamespace(), 10_000) is None


def test_writing_more_than_fits_warns_and_other_writing_does_not():
    model = tiny.make_model(memory_size=2)
    images = tf.zeros([1, model.capacity + 1, *model.image_shape])
    with pytest.warns(UserWarning, match=f"5 images do not fit .* {model.capacity}"):
        model.write(images)
    first = tf.sequence_mask([model.capacity], model.capacity + 1, tf.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.write(images[:, 1:])
        model.write(images, mask=first)
        model.write(images, written=first)

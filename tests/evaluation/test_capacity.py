"""What is said of a memory that is too small."""

import types

import pytest

from kpp_tf.evaluation import capacity as capacity_lib


@pytest.mark.parametrize(
    ("blocks_per_frame", "block_size", "capacity", "size"),
    [(1, 1, 36, 7), (2, 1, 18, 9), (1, 4, 36, 28)],
)
def test_a_memory_that_is_too_small_is_told_its_size(
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

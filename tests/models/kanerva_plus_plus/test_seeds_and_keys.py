"""What is not one seed, or one set of keys, for each memory is refused by name."""

import pytest
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.errors import UserError
from tests.serving.tiny_models import tiny_model


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.mark.parametrize("seeds", [[1, 2], [[1, 2]], [[1, 2, 3]] * 2, [[0.5, 1.0]] * 2])
def test_seeds_are_one_for_each_row(model, seeds):
    episode, keys = tf.zeros([2, 3, 8, 8, 1]), tf.zeros([2, 5, 1, 3])
    memory = model.write(episode)
    for call in (
        lambda: model.generate(memory, 4, seeds),
        lambda: model.generate_from_keys(memory, keys, seeds),
        lambda: model.elbo(episode, seeds),
        lambda: model.elbo(episode, seeds, memory=memory),
    ):
        with pytest.raises(UserError, match=r"seeds must be int32 \[2, 2\].*Received"):
            call()


def test_keys_are_as_many_sets_as_memories(model):
    memory = model.empty_memory(2)
    with pytest.raises(UserError, match=r"keys must .*\[2, N, 1, 3\].*\(3, 5, 1, 3\)"):
        model.generate_from_keys(memory, tf.zeros([3, 5, 1, 3]))
    seeds = noise.row_seeds([0, 1], 2)
    assert model.generate(memory, 5, seeds).shape == (2, 5, 8, 8, 1)

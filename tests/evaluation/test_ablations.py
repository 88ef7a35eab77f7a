"""The variants: one thing changed, room for every block, memories of equal size."""

import pytest

from configs import ablations as config_file
from kpp_tf.evaluation.ablations import VARIANTS
from kpp_tf.models import build_model

AT_ANOTHER_SIZE = {"memory_800": 800, "memory_1600": 1600, "memory_12800": 12_800}


def _floats(model):
    return model.memory_size**2 * model.memory_depth


@pytest.mark.parametrize("name", VARIANTS)
def test_memory_is_as_large_as_it_is_said_to_be(name):
    floats = _floats(config_file.get_config(name).model)
    budget = AT_ANOTHER_SIZE.get(name, 3200)
    assert 0.9 * budget <= floats <= budget


@pytest.mark.parametrize("name", VARIANTS)
def test_every_block_has_a_slot_of_its_own(name):
    config = config_file.get_config(name)
    model = config.model
    slots = (model.memory_size // model.block_size) ** 2
    assert slots >= config.data.episode_length * model.blocks_per_frame


def test_only_what_the_variant_names_is_changed():
    base = config_file.get_config("base").to_dict()
    changed = config_file.get_config("no_shift").to_dict()
    assert changed["model"]["encoder"].pop("shift") == "none"
    assert base["model"]["encoder"].pop("shift") == "bidirectional"
    assert changed == base


def test_an_unknown_variant_is_refused():
    with pytest.raises(ValueError, match="base, pooled.*Received: 'poled'"):
        config_file.get_config("poled")


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_builds(name):
    config = config_file.get_config(name)
    assert build_model(config).memory_floats == _floats(config.model)

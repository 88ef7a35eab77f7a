"""Every field of the config has a range, and what is outside is named."""

import pytest

from kpp_tf import config as configs
from kpp_tf.errors import UserError
from kpp_tf.validation import RULES, check, flatten


def test_the_default_passes_and_every_number_has_a_range():
    config = configs.default()
    check(config)
    flat = flatten(config.to_dict())
    assert RULES.keys() <= flat.keys()
    numbers = {
        name
        for name, value in flat.items()
        if type(value) in (int, float) and not name.startswith("model.")
    }
    assert numbers <= RULES.keys()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("train.steps", 0, "1 or more. Received: 0"),
        ("train.learning_rate", 0.0, "above 0. Received: 0.0"),
        ("train.learning_rate", -1.0, "above 0. Received: -1.0"),
        ("train.learning_rate", float("nan"), "above 0. Received: nan"),
        ("train.learning_rate", float("inf"), "above 0. Received: inf"),
        ("train.optimizer", "sgd", "one of .*Received: 'sgd'"),
        ("train.precision", "float8", "Received: 'float8'$"),
        ("train.precision", "bf16", "'bf16'; that is called 'mixed_bfloat16' here"),
        ("train.samples", 0, "1 or more. Received: 0"),
        ("train.weight_decay", 0.1, "0 with adam.*Received: 0.1"),
        ("train.ema_decay", 1.0, "below 1. Received: 1.0"),
        ("train.steps_per_loop", 0, "1 or more"),
        ("train.keep_checkpoints", 0, "1 or more"),
        ("train.checkpoint_every", -1, "0 or more"),
        ("eval.episodes_per_batch", 0, "1 or more"),
        ("data.image_shape", (28, 28), "height, width"),
        ("data.image_shape", (28, 0, 1), "height, width"),
        ("seed", -1, "from 0"),
        ("model.memory_size", 0, "1 or more"),
        ("model.latent_size", -2, "1 or more"),
        ("model.encoder.widths", (8, 0), "1 or more"),
        ("model.finest", float("nan"), "finite"),
    ],
)
def test_what_is_outside_its_range_is_named(field, value, message):
    config = configs.default()
    config.update_from_flattened_dict({field: value})
    with pytest.raises(UserError, match=f"config.{field} must be .*{message}"):
        check(config)


@pytest.mark.parametrize("field", ["log_every", "checkpoint_every", "summary_every"])
def test_zero_means_off(field):
    config = configs.default()
    config.train[field] = 0
    check(config)


def test_all_faults_are_named_at_once():
    config = configs.default()
    config.train.steps = 0
    config.eval.episodes_per_batch = 0
    with pytest.raises(UserError, match=r"(?s)train\.steps.*eval\.episodes_per_batch"):
        check(config)


def test_the_share_of_written_episodes_is_for_baselines():
    config = configs.default()
    config.train.all_written = 1.0
    with pytest.raises(UserError, match=r"all_written must be 0\.5 with .*Received: 1"):
        check(config)
    config.model = configs.baseline("kanerva_machine")
    check(config)


def test_summing_over_all_slots_stays_allowed():
    config = configs.default()
    config.model = configs.baseline("variational_memory_addressing")
    config.model.address_samples = 0
    check(config)

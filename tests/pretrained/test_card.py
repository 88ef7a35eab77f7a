"""The card says what the files say, and no more than is known."""

import json

from kpp_tf.pretrained.card import text
from tests.evaluation import tiny_models

METADATA = {"kpp_tf_version": "9.8.7", "parameter_count": 12345, "training": {}}
TRAINING = {
    "command": "python tools/train.py --workdir=runs/x",
    "device": "2 x abacus",
    "git_revision": "abc123",
    "seconds": 5400.0,
    "steps": 7000,
}
RESULTS = {
    "split": "test",
    "episode_length": 4,
    "memory_floats_per_image": 99.0,
    "capacity": 36,
    "command": "python tools/evaluate.py --pretrained=tiny",
    "stored": {"value": 21.568, "standard_error": 0.116, "unit": "nats/image"},
    "nudge": {"one_cell": {"class_kept": 0.2207}, "same_class": 0.1007},
}


def _config():
    return json.loads(json.dumps(tiny_models.config().to_dict()))


def test_what_is_not_known_is_not_said():
    card = text("tiny", _config(), METADATA)
    assert "12,345 weights" in card and "kpp_tf 9.8.7" in card
    assert 'kpp_tf.from_preset("tiny")' in card
    assert "Not measured." in card
    for absent in ("Command", "hours", "Revision", "None", "| stored"):
        assert absent not in card
    assert "## Examples" not in card
    with_images = text("tiny", _config(), {**METADATA, "examples": "9 drawings"})
    assert "`examples.npz` holds 9 drawings." in with_images


def test_a_card_has_data_command_hours_figures_limits_and_license():
    metadata = {**METADATA, "training": TRAINING}
    references = [("stored", "K++, ICLR 2021", 41.58), ("unseen", "nobody", 1.0)]
    card = text("tiny", _config(), metadata, RESULTS, references)
    assert card.startswith("---\nlicense: apache-2.0\n")
    assert "images of 8 x 8 x 1, in episodes of 4" in card
    assert TRAINING["command"] in card and RESULTS["command"] in card
    assert "7,000 steps" in card and "1.5 hours on 2 x abacus" in card
    assert "| 21.57 +- 0.12 | 41.58 (K++, ICLR 2021) |" in card
    assert "holds 36 images" in card and "in 22.1% (10.1% by chance)" in card
    assert "nobody" not in card  # no bound of ours stands beside it


def test_a_card_says_that_training_went_on_from_other_weights():
    said = "started from trained weights"
    assert said not in text("tiny", _config(), {**METADATA, "training": TRAINING})
    command = TRAINING["command"] + " --init_from=small"
    metadata = {**METADATA, "training": {**TRAINING, "command": command}}
    assert said in text("tiny", _config(), metadata)

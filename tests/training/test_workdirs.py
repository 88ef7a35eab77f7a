"""Which configs may go on in a run's folder, and what its files record."""

import json
import os

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf import config as configs
from kpp_tf import provenance
from kpp_tf.errors import UserError
from kpp_tf.training import checkpoints, workdirs
from tests.training import tiny


def _save(folder, step):
    """A checkpoint of `step`, as far as the folder's checks read it."""
    weights = tf.train.Checkpoint(w=tf.Variable(np.zeros(2, np.float32)))
    weights.write(str(folder / checkpoints.FOLDER / f"ckpt-{step}"))


@pytest.fixture
def run(tmp_path):
    """A folder with the checkpoint of step 40 of a run of 40 steps."""
    with workdirs.opened(tmp_path / "run") as folder:
        workdirs.write_config(folder, tiny.config(steps=40), 0)
        _save(folder, 40)
    return folder


def test_another_config_is_refused(run):
    other = tiny.config(steps=40, learning_rate=0.5)
    other.model.memory_size = 3
    with pytest.raises(workdirs.WorkdirError) as error:
        workdirs.check(run, other)
    text = str(error.value)
    assert "model.memory_size: 2 there, 3 given" in text
    assert "train.learning_rate: 0.002 there, 0.5 given" in text


def test_fewer_steps_than_were_made_are_refused(run):
    with pytest.raises(workdirs.WorkdirError, match=r"has made 40 .*Received: .*=20"):
        workdirs.check(run, tiny.config(steps=20))
    assert configs.read(run).train.steps == 40


def test_more_steps_are_recorded_as_a_change_before_the_next_checkpoint(run):
    (run / "summary.json").write_text("{}")
    longer = tiny.config(steps=99, log_every=1)
    changes = workdirs.check(run, longer)
    assert changes == {"train.log_every": (6, 1), "train.steps": (40, 99)}
    assert configs.read(run).train.steps == 40
    workdirs.write_config(run, longer, 40)
    assert configs.read(run).train.steps == 99
    assert not (run / "summary.json").exists()  # it was of step 40
    _save(run, 99)
    workdirs.write_config(run, tiny.config(steps=120, log_every=1), 99)
    record = json.loads((run / "config_changes.json").read_text())["changes"]
    assert [entry["after_step"] for entry in record] == [40, 99]
    assert record[0]["fields"]["train.steps"] == [40, 99]
    assert record[1]["fields"] == {"train.steps": [99, 120]}


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[]", b'{"changes": 1}'])
def test_a_damaged_record_of_changes_is_named(run, content):
    (run / workdirs.CHANGES).write_bytes(content)
    with pytest.raises(UserError, match=f"Received: .*{workdirs.CHANGES}"):
        workdirs.write_config(run, tiny.config(steps=99), 40)


def test_a_folder_without_a_checkpoint_takes_any_config(tmp_path):
    with workdirs.opened(tmp_path / "run") as folder:
        workdirs.write_config(folder, tiny.config(), 0)
    other = tiny.config(learning_rate=0.5, steps=1)
    assert workdirs.check(folder, other) == {}
    workdirs.write_config(folder, other, 0)
    assert configs.read(folder).train.learning_rate == 0.5
    assert not (folder / "config_changes.json").exists()


def test_an_empty_folder_is_removed(tmp_path):
    with pytest.raises(RuntimeError), workdirs.opened(tmp_path / "a" / "run"):
        raise RuntimeError
    assert not (tmp_path / "a" / "run").exists()


def test_divergence_lets_the_rate_and_the_clipping_change(run):
    remedy = tiny.config(steps=40, learning_rate=1e-4, clip_norm=0.1)
    with pytest.raises(workdirs.WorkdirError, match="clip_norm"):
        workdirs.check(run, remedy)
    (run / workdirs.DIVERGED).write_text("{}")
    assert set(workdirs.check(run, remedy)) == {
        "train.learning_rate",
        "train.clip_norm",
    }
    remedy.model.memory_depth = 5
    with pytest.raises(workdirs.WorkdirError, match="memory_depth"):
        workdirs.check(run, remedy)
    workdirs.write_config(run, tiny.config(steps=40, clip_norm=0.1), 40)
    with pytest.raises(workdirs.WorkdirError, match="learning_rate"):
        workdirs.check(run, tiny.config(steps=40, clip_norm=0.1, learning_rate=1e-4))


def test_a_field_that_is_newer_than_the_run_is_no_difference(run):
    saved = json.loads((run / "config.json").read_text())
    del saved["train"]["samples"]
    (run / "config.json").write_text(json.dumps(saved))
    assert workdirs.check(run, tiny.config(steps=40)) == {}


def test_config_comes_back(run):
    config = tiny.config(steps=40)
    again = configs.read(run)
    assert provenance.config_hash(again) == provenance.config_hash(config)
    assert again.model.encoder.widths == [8]
    config.seed = 1
    assert provenance.config_hash(again) != provenance.config_hash(config)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    refused = pytest.raises(workdirs.WorkdirError, match=r"Received: --workdir=.*/run")
    with refused, workdirs.opened(tmp_path / "file" / "run"):
        pass
    if os.geteuid():  # root may write everywhere
        (tmp_path / "closed").mkdir(mode=0o500)
        with refused, workdirs.opened(tmp_path / "closed" / "run"):
            pass

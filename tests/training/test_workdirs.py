"""Config, metrics and summary files of a run."""

import csv
import json
import os

import pytest

from kpp_tf import provenance
from kpp_tf.config import read
from kpp_tf.errors import UserError
from kpp_tf.training import workdirs
from tests.training import tiny


def test_a_run_may_go_on_longer_but_not_otherwise(tmp_path):
    workdirs.open_workdir(tmp_path / "run", tiny.config())
    workdirs.open_workdir(tmp_path / "run", tiny.config(steps=99, log_every=1))
    other = tiny.config(learning_rate=0.5)
    other.model.memory_size = 3
    with pytest.raises(workdirs.WorkdirError) as error:
        workdirs.open_workdir(tmp_path / "run", other)
    text = str(error.value)
    assert "model.memory_size: 2 there, 3 given" in text
    assert "train.learning_rate: 0.002 there, 0.5 given" in text
    assert "train.steps" not in text
    assert read(tmp_path / "run").train.steps == 99


def test_a_field_that_is_newer_than_the_run_is_no_difference(tmp_path):
    config = tiny.config()
    workdirs.open_workdir(tmp_path, config)
    saved = json.loads((tmp_path / "config.json").read_text())
    del saved["train"]["free_bits"]
    (tmp_path / "config.json").write_text(json.dumps(saved))
    workdirs.open_workdir(tmp_path, config)


def test_config_comes_back(tmp_path):
    config = tiny.config()
    workdirs.open_workdir(tmp_path, config)
    again = read(tmp_path)
    assert provenance.config_hash(again) == provenance.config_hash(config)
    assert again.model.encoder.widths == [8]
    config.seed = 1
    assert provenance.config_hash(again) != provenance.config_hash(config)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(workdirs.WorkdirError, match=r"Received: --workdir=.*file/run"):
        workdirs.open_workdir(tmp_path / "file" / "run", tiny.config())
    if os.geteuid():  # root may write everywhere
        (tmp_path / "closed").mkdir(mode=0o500)
        with pytest.raises(workdirs.WorkdirError, match="cannot be written"):
            workdirs.open_workdir(tmp_path / "closed", tiny.config())


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(UserError, match="no folder of a training run"):
        read(tmp_path)


def test_metrics_drop_rows_of_steps_that_are_made_again(tmp_path):
    metrics = workdirs.MetricsFile(tmp_path, ("a", "b"), 0)
    for step in (5, 10, 15):
        metrics.write(step, {"a": step / 2, "b": 1e-9, "unused": 3})
    with metrics.path.open("a") as stream:
        stream.write("20,1")  # a kill cut this row short
    workdirs.MetricsFile(tmp_path, ("a", "b"), 10).write(15, {"a": 0.25, "b": 2})
    with metrics.path.open(newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows == [
        ["step", "a", "b"],
        ["5", "2.5", "1e-09"],
        ["10", "5", "1e-09"],
        ["15", "0.25", "2"],
    ]
    assert sorted(os.listdir(tmp_path)) == ["metrics.csv"]

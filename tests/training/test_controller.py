"""Resuming, damage, divergence, stopping, and what a run leaves behind."""

import contextlib
import csv
import json
import os
import resource
import signal
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.training import checkpoints, workdirs
from kpp_tf.training.architecture import ArchitectureError, weight_names
from kpp_tf.training.checkpoint_watch import watch
from kpp_tf.training.controller import Controller, Options
from kpp_tf.training.failures import Diverged, Unwritten
from kpp_tf.training.stopping import Stopped
from kpp_tf.training.trainer import Trainer
from tests.training import tiny

QUIET = Options(summaries=False)


@pytest.fixture(scope="module")
def trainer():
    """One trainer for all runs of this module: each test resets its state."""
    config = tiny.config(ema_decay=0.9)
    trainer = Trainer(config, tiny.table())
    trainer.initial = [v.numpy() for v in _variables(trainer)]
    return trainer


def _variables(trainer):
    weights = [weight.value for weight in trainer.model.weights]
    slots = [slot.value for slot in trainer.optimizer.variables]
    return [*weights, *slots, *trainer.average.averages]


def _controller(trainer, workdir, fresh=True, **arguments):
    """A controller, as of a new process unless the run goes on in this one."""
    if fresh:
        for variable, value in zip(_variables(trainer), trainer.initial, strict=True):
            variable.assign(value)
    arguments = {"options": QUIET, **arguments}
    return Controller(trainer, workdir, tiny.table(9, "test"), **arguments)


def _stop_after(controller, step, number=signal.SIGTERM):
    """Sends a signal to this process once `step` is reached."""
    trainer, train = controller.trainer, controller.trainer.train

    def wrapped(count, stop):
        result = train(count, stop)
        if trainer.step == step:
            os.kill(os.getpid(), number)
        return result

    with mock.patch.object(trainer, "train", wrapped), pytest.raises(Stopped) as error:
        controller.run()
    return error.value


def _arrays(workdir):
    path = checkpoints.newest_checkpoint(workdir)
    parts = [tiny.arrays_of(path, p) for p in ("model", "optimizer", "average")]
    assert all(parts)
    return {k: v for part in parts for k, v in part.items()}


def _assert_same(*workdirs):
    """That runs ended in the same bits."""
    arrays, expected = map(_arrays, workdirs)
    assert arrays.keys() == expected.keys()
    for key, value in arrays.items():
        np.testing.assert_array_equal(value, expected[key], err_msg=key)


@pytest.fixture(scope="module")
def whole(trainer, tmp_path_factory):
    """A run without interruption: its folder and results."""
    workdir = tmp_path_factory.mktemp("whole")
    results = _controller(trainer, workdir, validation=tiny.table(9, "valid")).run()
    return workdir, results


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_a_signal_saves_and_the_rest_is_bit_equal(
    trainer, whole, tmp_path, number, code
):
    before = signal.getsignal(number)
    stopped = _stop_after(_controller(trainer, tmp_path), 3, number)
    assert stopped.exit_code == code
    assert signal.getsignal(number) is before
    # The loop that was running when the signal came is completed, then all is saved.
    assert checkpoints.newest_checkpoint(tmp_path).name == "ckpt-6"
    results = _controller(trainer, tmp_path).run()
    _assert_same(tmp_path, whole[0])
    assert results["bound"] == whole[1]["bound"]


@pytest.mark.parametrize("how", ["flip", "cut", "cut, no sidecar", "index", "sidecar"])
def test_damaged_newest_checkpoint_is_named_and_passed_over(whole, how, tmp_path):
    for file in (whole[0] / "checkpoints").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    data = tmp_path / "ckpt-12.data-00000-of-00001"
    if how == "index":
        data = tmp_path / "ckpt-12.index"
    elif how == "sidecar":
        data = tmp_path / "ckpt-12.json"
    content = bytearray(data.read_bytes())
    if how == "flip":
        content[len(content) // 3] ^= 4
    else:
        del content[len(content) // 2 :]
    data.write_bytes(content)
    if how.endswith("no sidecar"):
        (tmp_path / "ckpt-12.json").unlink()
    assert checkpoints.damage(tmp_path / "ckpt-12")
    assert checkpoints.damage(tmp_path / "ckpt-6") is None
    found = [path.name for path in checkpoints.whole_checkpoints(tmp_path)]
    assert found == ["ckpt-6"]


def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one(
    trainer, whole, tmp_path
):
    _controller(trainer, tmp_path).run()
    (tmp_path / "checkpoints" / "ckpt-12.index").write_bytes(b"")
    (tmp_path / "checkpoints" / "checkpoint").write_bytes(b"")
    controller = _controller(trainer, tmp_path)
    assert (controller.saved_step, trainer.step) == (6, 6)
    controller.run()
    _assert_same(tmp_path, whole[0])


def test_nothing_is_started_over_if_all_is_damaged(trainer, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "ckpt-6.index").write_bytes(b"x")
    with pytest.raises(checkpoints.DamagedError, match=r"ckpt-6\. Move"):
        _controller(trainer, tmp_path)


def test_files_and_averages_of_a_run(trainer, whole):
    workdir, results = whole
    names = {path.name for path in (workdir / "checkpoints").glob("*.json")}
    assert names == {"ckpt-6.json", "ckpt-12.json"}
    with (workdir / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["step"] for row in rows] == ["6", "12"]
    for row in rows:
        terms = [float(row[f"kl_{name}"]) for name in ("latents", "keys", "memory")]
        bound = sum(terms) - float(row["log_likelihood"])
        assert float(row["bound"]) == pytest.approx(bound, rel=1e-4)
        bits = float(row["bound"]) / 64 / np.log(2)
        assert float(row["bits_per_dim"]) == pytest.approx(bits, rel=1e-4)
    assert results["images"] == 9 and results["seconds"] > 0

    averaged, config = checkpoints.load_model(workdir)
    plain, _ = checkpoints.load_model(workdir, ema=False)
    best, _ = checkpoints.load_model(workdir, which="best")
    arrays = _arrays(workdir)
    key = "{}/encoder.Sstem.Skernel/.ATTRIBUTES/VARIABLE_VALUE"
    for model, part in ((averaged, "average"), (plain, "model")):
        kernel = weight_names(model)["encoder/stem/kernel"]
        np.testing.assert_array_equal(kernel.numpy(), arrays[key.format(part)])
    assert not np.array_equal(averaged.weights[0].numpy(), plain.weights[0].numpy())
    assert best.count_params() == plain.count_params()
    assert config.train.steps == 12

    summary = workdirs.write_summary(
        workdir, config, averaged, results, "a device", ["train.py", "--a=b c"]
    )
    assert summary["memory_floats_per_image"] == 2 * 2 * (4 + 1) / 3
    assert summary["episode_length"] == 3 and summary["capacity"] == 4
    assert summary["command"] == "train.py '--a=b c'"
    assert [name for name in summary if summary[name] is None] in ([], ["git_revision"])
    said = {"bits_per_dim", "config_hash", "device", "images_per_second", "parameters"}
    assert said <= summary.keys()
    assert json.loads((workdir / "summary.json").read_text()) == summary
    assert [path.name for path in watch(workdir)] == ["ckpt-12"]


def test_loggers_get_the_metrics_and_the_validation(trainer, tmp_path):
    logged = []
    options = Options(summaries=False, loggers=[lambda *args: logged.append(args)])
    valid = tiny.table(9, "valid")
    _controller(trainer, tmp_path, options=options, validation=valid).run()
    with (tmp_path / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    of_steps = [(step, values) for step, values in logged if "bound" in values]
    for row, (step, values) in zip(rows, of_steps, strict=True):
        assert step == int(row["step"])
        assert float(row["bound"]) == pytest.approx(values["bound"], rel=1e-5)
    validated = [(step, v) for step, v in logged if "validation/bound" in v]
    assert [step for step, _ in validated] == [6, 12]
    for step, values in validated:
        record = json.loads((tmp_path / f"checkpoints/ckpt-{step}.json").read_text())
        assert record["results"]["bound"] == values["validation/bound"]


def test_best_checkpoint_has_the_lowest_validation_bound(whole):
    record = json.loads(next((whole[0] / "best").glob("ckpt-*.json")).read_text())
    others = [
        json.loads(path.read_text())["results"]["bound"]
        for path in (whole[0] / "checkpoints").glob("ckpt-*.json")
    ]
    assert record["results"]["bound"] == min(others)


def test_checkpoint_of_another_architecture_is_refused(whole):
    config = tiny.config()
    config.model.memory_depth = 5
    other = Trainer(config, tiny.table()).model
    path = checkpoints.newest_checkpoint(whole[0])
    with pytest.raises(ArchitectureError) as error:
        checkpoints.load_weights(path, other)
    assert "writer/content/kernel: (8, 4) in the checkpoint, (8, 5)" in str(error.value)


def _poisoned(trainer, at):
    """A context in which the weights turn to NaN when step `at` is reached, once."""
    train, steps = trainer.train, [at]

    def wrapped(count, stop):
        if trainer.step in steps:
            steps.clear()
            weight = weight_names(trainer.model)["decoder/head/bias"]
            weight.assign(tf.fill(weight.shape, np.nan))
        return train(count, stop)

    return mock.patch.object(trainer, "train", wrapped)


def test_divergence_stops_with_step_term_and_checkpoint(trainer, tmp_path):
    controller = _controller(trainer, tmp_path)
    with _poisoned(trainer, 9), pytest.raises(Diverged) as error:
        controller.run()
    text = str(error.value)
    assert "Diverged at step 9: not a finite number: log_likelihood" in text
    assert "Last good checkpoint: step 6." in text
    assert "lower config.train.learning_rate (now 0.002)" in text
    assert "config.train.clip_norm (now 1;" in text
    assert checkpoints.newest_checkpoint(tmp_path).name == "ckpt-6"
    gentler = tiny.config(ema_decay=0.9, learning_rate=1e-4, clip_norm=0.1)
    assert len(workdirs.check(tmp_path, gentler)) == 2


def test_divergence_before_any_checkpoint_leaves_the_folder_free(trainer, tmp_path):
    controller = _controller(trainer, tmp_path)
    diverged = pytest.raises(Diverged, match="Last good checkpoint: none")
    with _poisoned(trainer, 0), diverged:
        controller.run()
    assert workdirs.check(tmp_path, tiny.config(learning_rate=1e-4)) == {}


@contextlib.contextmanager
def _full_disk(size):
    """No file of this process grows beyond `size` bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_ends_the_run_with_what_is_whole(trainer, whole, tmp_path):
    _stop_after(_controller(trainer, tmp_path), 3)
    controller = _controller(trainer, tmp_path, fresh=False)
    with _full_disk(4096), pytest.raises(Unwritten) as error:
        controller.run()
    text = str(error.value)
    assert "The checkpoint of step 12 could not be written: File too large." in text
    assert f"{tmp_path} holds the run up to step 6;" in text
    files = (tmp_path / "checkpoints").iterdir()
    left = {path.name.partition(".")[0] for path in files}
    assert left == {"checkpoint", "ckpt-6"}
    _controller(trainer, tmp_path).run()
    _assert_same(tmp_path, whole[0])


def test_a_signal_during_the_last_evaluation_ends_it(trainer, tmp_path, monkeypatch):
    controller = _controller(trainer, tmp_path)

    def interrupted(table):
        os.kill(os.getpid(), signal.SIGINT)
        return {}

    monkeypatch.setattr(trainer, "evaluate", interrupted)
    with pytest.raises(Stopped, match="step 12 is saved"):
        controller.run()


def test_zero_means_only_at_the_end(trainer, tmp_path, monkeypatch):
    config = trainer.config.copy_and_resolve_references()
    monkeypatch.setattr(trainer, "config", config)
    for field in ("log_every", "checkpoint_every", "summary_every"):
        config.train[field] = 0
    _controller(trainer, tmp_path).run()
    (checkpoint,) = (tmp_path / "checkpoints").glob("*.json")
    assert checkpoint.stem == "ckpt-12"
    with (tmp_path / "metrics.csv").open() as stream:
        assert [row["step"] for row in csv.DictReader(stream)] == ["12"]


def test_a_memory_that_is_too_small_is_reported(trainer, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(type(trainer.model), "capacity", 2)
    _controller(trainer, tmp_path).run()
    said = capsys.readouterr().err
    assert "3 images do not fit a memory of 2" in said
    assert "--config.model.memory_size=2 holds them all" in said


def test_a_split_that_cannot_be_evaluated_is_refused_at_the_start(
    trainer, tmp_path, monkeypatch
):
    config = trainer.config.copy_and_resolve_references()
    config.data.grouping = "class"  # these images have no labels
    monkeypatch.setattr(trainer, "config", config)
    with pytest.raises(ValueError, match="class"):
        _controller(trainer, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_roll_back_passes_over_the_bad_batches(trainer, tmp_path):
    options = Options(rollbacks=1, summaries=False)
    controller = _controller(trainer, tmp_path, options=options)
    with _poisoned(trainer, 9):
        controller.run()
    # Back from 9 to 6; batches 6 to 9 are never seen again.
    assert (trainer.step, trainer.skipped) == (12, 4)
    assert all(np.isfinite(value).all() for value in _arrays(tmp_path).values())
    assert _controller(trainer, tmp_path).trainer.skipped == 4


def test_tensorboard_shows_numbers_and_pictures(trainer, tmp_path):
    _controller(trainer, tmp_path, options=Options(profile_at=6)).run()
    tags = set()
    for file in (tmp_path / "tensorboard").glob("events*"):
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            tags |= {value.tag for value in event.summary.value}
    pictures = {"written", "reconstructed", "generated"}
    assert {f"images/{name}" for name in pictures} <= tags
    assert {"config", "bound", "kl_keys", "memory/cells", "keys"} <= tags
    assert "_hparams_/session_start_info" in tags
    assert "weights/encoder/stem/kernel" in tags
    assert list((tmp_path / "tensorboard").rglob("*.xplane.pb"))

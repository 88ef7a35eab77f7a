"""The table of a run's metrics, its line on the terminal, its speed."""

import csv
import os

from kpp_tf.training import progress
from kpp_tf.training.progress import Progress
from kpp_tf.training.run_log import MetricsFile


def test_metrics_drop_rows_of_steps_that_are_made_again(tmp_path):
    metrics = MetricsFile(tmp_path, ("a", "b"), 0)
    for step in (5, 10, 15):
        metrics.write(step, {"a": step / 2, "b": 1e-9, "unused": 3})
    with metrics.path.open("a") as stream:
        stream.write("x,1,2\n\0\0,1,2\n\0\0\n")  # what a crash may leave
        stream.write("20,1")  # a kill cut this row short
    MetricsFile(tmp_path, ("a", "b"), 10).write(15, {"a": 0.25, "b": 2})
    with metrics.path.open(newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows == [
        ["step", "a", "b"],
        ["5", "2.5", "1e-09"],
        ["10", "5", "1e-09"],
        ["15", "0.25", "2"],
    ]
    assert sorted(os.listdir(tmp_path)) == ["metrics.csv"]


def test_a_mean_of_no_image_is_not_shown(capsys):
    metrics = {
        "stored": 12.0,
        "unseen": float("nan"),
        "kl_latents": 1.0,
        "kl_keys": 2.0,
    }
    Progress(10, 0).write(5, {**metrics, "images_per_second": 3.0})
    line = capsys.readouterr().err
    assert "stored 12.00  kl_latents 1.00" in line and "nan" not in line


def test_speed_leaves_out_the_first_call_and_what_is_between(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    speed = progress.Speed(images_per_step=8)

    def call(steps, seconds):
        with speed.timed(steps):
            now[0] += seconds

    call(3, 100.0)  # compiles
    assert speed.take() == 0.0
    call(3, 2.0)
    now[0] += 50.0  # a checkpoint
    call(1, 1.0)
    assert speed.take() == 8 * 4 / 3.0
    call(2, 4.0)
    assert speed.take() == 4.0

"""The table of a run's metrics."""

import csv
import os

from kpp_tf.training.run_log import MetricsFile


def test_metrics_drop_rows_of_steps_that_are_made_again(tmp_path):
    metrics = MetricsFile(tmp_path, ("a", "b"), 0)
    for step in (5, 10, 15):
        metrics.write(step, {"a": step / 2, "b": 1e-9, "unused": 3})
    with metrics.path.open("a") as stream:
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

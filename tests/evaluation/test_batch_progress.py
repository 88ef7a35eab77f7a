"""Passes over batches are shown, and change nothing."""

import tensorflow as tf

from kpp_tf.evaluation import batch_progress
from kpp_tf.evaluation.batch_progress import WatchedBatches


def test_every_pass_gives_the_batches_and_a_line_each(monkeypatch, capsys):
    monkeypatch.setattr(batch_progress, "SECONDS", -1.0)
    watched = WatchedBatches(tf.data.Dataset.range(3), "stored")
    for _ in range(2):
        assert [int(batch) for batch in watched] == [0, 1, 2]
    lines = [f"stored: batch {number} of 3" for number in (1, 2, 3)]
    assert capsys.readouterr().err.splitlines() == 2 * lines


def test_a_worker_that_is_not_visible_prints_nothing(monkeypatch, capsys):
    monkeypatch.setattr(batch_progress, "SECONDS", -1.0)
    dataset = tf.data.Dataset.range(3)
    assert len(list(WatchedBatches(dataset, "stored", visible=False))) == 3
    assert capsys.readouterr() == ("", "")

"""The benchmark's bookkeeping; no test here says how fast anything is."""

import itertools

import pytest

from kpp_tf.serving import benchmark


def test_measure_summarises_its_own_calls(monkeypatch):
    clock = itertools.count()  # each reading one second later
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: float(next(clock)))
    calls = []
    measured = benchmark.measure(lambda: calls.append(1), images=8, seconds=0)
    assert measured["calls"] == len(calls) - 3 == 20
    assert measured["images_per_second"] == 8.0
    assert measured["p50_ms"] == measured["p99_ms"] == 1000.0


def test_every_signature_and_batch_size_is_measured(exports, tmp_path, capsys):
    picture = tmp_path / "serving.png"
    result = benchmark.run(
        [
            f"--saved_model={exports['pooled'].path.parent}",
            "--batch_sizes=1,3",
            "--length=2",
            "--seconds=0",
            f"--plot={picture}",
        ]
    )
    found = {(row["signature"], row["batch"]) for row in result["rows"]}
    assert len(found) == len(result["rows"]) == 12
    table = capsys.readouterr().out
    assert table.count("| SavedModel |") == 12
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_something_must_be_measured():
    with pytest.raises(SystemExit):
        benchmark.run([])

"""The benchmark's bookkeeping; no test here says how fast anything is."""

import itertools

import pytest
import tensorflow as tf

from kpp_tf.benchmarks import serving as benchmark


def test_measure_summarises_its_own_calls(monkeypatch):
    clock = itertools.count()  # each reading one second later
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: float(next(clock)))
    calls = []
    measured = benchmark.measure(lambda: calls.append(1), images=8, seconds=0)
    assert measured["calls"] == len(calls) - 3 == 20
    assert measured["images_per_second"] == 8.0
    assert measured["p50_ms"] == measured["p99_ms"] == 1000.0


class Twice(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, None, 2], tf.float32, "x")])
    def __call__(self, x):
        return {"images": 2 * x}


def test_every_signature_and_batch_size_is_measured(tmp_path, capsys):
    module = Twice()
    signatures = {"write": module.__call__, "read": module.__call__}
    tf.saved_model.save(module, tmp_path / "m" / "1", signatures)
    picture = tmp_path / "serving.png"
    result = benchmark.run(
        [
            f"--saved_model={tmp_path / 'm'}",
            "--batch_sizes=1,3",
            "--length=2",
            "--seconds=0",
            f"--plot={picture}",
        ]
    )
    found = {(row["signature"], row["batch"]) for row in result["rows"]}
    assert found == {(name, batch) for name in signatures for batch in (1, 3)}
    table = capsys.readouterr().out
    assert table.count("| SavedModel |") == len(result["rows"]) == 4
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_something_must_be_measured():
    with pytest.raises(SystemExit):
        benchmark.run([])

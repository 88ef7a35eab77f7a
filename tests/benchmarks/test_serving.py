"""The benchmark's bookkeeping; no test here says how fast anything is."""

import itertools

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


def test_every_signature_and_batch_size_is_measured(tmp_path):
    module = Twice()
    signatures = {"write": module.__call__, "read": module.__call__}
    tf.saved_model.save(module, tmp_path / "m" / "1", signatures)
    picture = tmp_path / "serving.png"
    rows = benchmark.measure_saved_model(str(tmp_path / "m"), [1, 3], 2, 0.0)
    found = {(row["signature"], row["batch"]) for row in rows}
    assert found == {(name, batch) for name in signatures for batch in (1, 3)}
    table = benchmark.to_markdown(rows)
    assert table.count("| SavedModel |") == len(rows) == 4
    picture = benchmark.plot(rows, tmp_path / "serving.png")
    assert picture.read_bytes().startswith(b"\x89PNG")

"""Latency and throughput of an exported model, by signature and batch size."""

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kpp_tf import plots
from kpp_tf.serving import saved_model, tflite
from kpp_tf.serving.specs import Field, example_inputs


def measure(call: Callable[[], Any], images: int, seconds: float) -> dict[str, float]:
    """Times calls for some seconds, after three warm-up calls.

    Args:
      call: returns when its answer is complete.
      images: handled by one call.
      seconds: the least time to measure; 20 calls are made in any case.

    Returns:
      calls; images_per_second; p50_ms, p95_ms and p99_ms of a call.
    """
    for _ in range(3):
        call()
    times: list[float] = []
    started = time.perf_counter()
    while len(times) < 20 or time.perf_counter() - started < seconds:
        before = time.perf_counter()
        call()
        times.append(time.perf_counter() - before)
    millis = 1e3 * np.array(times)
    return {
        "calls": len(times),
        "images_per_second": images * len(times) / float(np.sum(times)),
        **{f"p{q}_ms": float(np.percentile(millis, q)) for q in (50, 95, 99)},
    }


def measure_saved_model(
    path: str, batch_sizes: Sequence[int], length: int, seconds: float
) -> list[dict[str, Any]]:
    """Measures every signature of a SavedModel.

    Args:
      path: a version's folder, or the folder of versions.
      batch_sizes: rows of a request.
      length: images or keys of a row, if the signature leaves that free.
      seconds: of each measurement.

    Returns:
      A row for each signature and batch size, with the results of `measure`.
    """
    found = saved_model.versions(path)
    folder = Path(path) / str(found[-1]) if found else Path(path)
    loaded = tf.saved_model.load(str(folder))
    rows = []
    for name, function in sorted(loaded.signatures.items()):
        fields = {
            key: Field(
                tuple(spec.shape),
                np.bytes_ if spec.dtype == tf.string else spec.dtype.as_numpy_dtype,
            )
            for key, spec in function.structured_input_signature[1].items()
        }
        for batch in batch_sizes:
            drawn = example_inputs(fields, batch, length)
            inputs = {key: tf.constant(value) for key, value in drawn.items()}

            def call(function: Any = function, inputs: Any = inputs) -> list:
                return [value.numpy() for value in function(**inputs).values()]

            count = batch * _images(drawn, function(**inputs))
            measured = measure(call, count, seconds)
            rows.append(
                {"runtime": "SavedModel", "signature": name, "batch": batch, **measured}
            )
    return rows


def measure_tflite(path: str, seconds: float) -> list[dict[str, Any]]:
    """Measures every signature of a .tflite file, whose batch is 1; see `measure`."""
    lite = tflite.LiteModel(Path(path).read_bytes())
    rows = []
    for name, fields in sorted(lite.signatures.items()):
        inputs = example_inputs(fields, 1, 1)

        call = functools.partial(lite.run, name, inputs)
        measured = measure(call, _images(inputs, call()), seconds)
        row = {"runtime": Path(path).name, "signature": name, "batch": 1, **measured}
        rows.append(row)
    return rows


def to_markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as a table."""
    lines = [
        "| runtime | signature | batch | images/s | p50 ms | p95 ms | p99 ms |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {row['runtime']} | {row['signature']} | {row['batch']} "
        f"| {row['images_per_second']:,.0f} | {row['p50_ms']:.1f} "
        f"| {row['p95_ms']:.1f} | {row['p99_ms']:.1f} |"
        for row in rows
    ]
    return "\n".join(lines)


def plot(rows: Sequence[dict[str, Any]], path: str | Path) -> Path:
    """Draws throughput and latency against the batch size; returns the PNG's path."""
    figure, axes = plots.new_figure(1, 2)
    axes = np.ravel(axes)
    for name in sorted({(row["runtime"], row["signature"]) for row in rows}):
        mine = [row for row in rows if (row["runtime"], row["signature"]) == name]
        batches = [row["batch"] for row in mine]
        label = f"{name[1]} ({name[0]})"
        speeds = [row["images_per_second"] for row in mine]
        axes[0].plot(batches, speeds, marker="o", label=label)
        axes[1].plot(batches, [row["p95_ms"] for row in mine], marker="o", label=label)
    for axis, title in zip(axes, ("images/s", "p95 latency, ms"), strict=True):
        axis.set(xlabel="batch size", ylabel=title, xscale="log", yscale="log")
    axes[0].legend(fontsize=6)
    return plots.save_figure(path, figure)


def _images(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> int:
    """Images of a row: the ones returned, or else the ones written."""
    if "images" in outputs:
        return outputs["images"].shape[1]
    return inputs["episode"].shape[1] if "episode" in inputs else 1

r"""Malformed requests, then mixed load, on a server of its own; prints a JSON line.

    python tools/load.py                                       # or: make load
    python tools/load.py --model=exported/kanerva_plus_plus --seconds=60

Without --model it exports a model of the default config with weights as they are drawn:
what it costs to serve does not depend on training. The server is `local_server`, which
runs the SavedModel as TF Serving does, on the loopback interface. The exit code is 1 if
a malformed request was not refused by its field's name, an answer was wrong, or the
server's memory grew by more than 5% after the first minute.
"""

import json
import os
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app, flags

MODEL = flags.DEFINE_string("model", None, "Folder of a model's versions.")
COUNT = flags.DEFINE_integer("malformed", 1000, "Malformed requests.", 0)
CLIENTS = flags.DEFINE_integer("clients", 16, "At once.", 1)
SECONDS = flags.DEFINE_float("seconds", 600.0, "Of mixed load.", 1.0)
LARGEST_GROWTH = 0.05


def main(argv: list[str]) -> int:
    """Runs both; returns the exit code."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected flags only. Received: {argv[1:]}")
    from rich.console import Console
    from rich.progress import Progress

    from kpp_tf.serving import load

    with (
        tempfile.TemporaryDirectory() as folder,
        load.serving(MODEL.value or _export(folder)) as server,
        Progress(console=Console(stderr=True)) as progress,
    ):
        task = progress.add_task("malformed requests", total=COUNT.value)
        report = load.send_malformed(
            server, COUNT.value, progress=lambda: progress.advance(task)
        )
        task = progress.add_task("mixed load", total=SECONDS.value)
        report |= load.mixed_load(
            server,
            CLIENTS.value,
            SECONDS.value,
            progress=lambda: progress.advance(task),
        )
    report["passed"] = (
        report["malformed_named"] == report["malformed"]
        and report["valid_between_right"] == report["valid_between"]
        and report["server_alive"]
        and report["errors"] == 0
        and report["memory_growth"] <= LARGEST_GROWTH
    )
    print(json.dumps(report))
    return 0 if report["passed"] else 1


def _export(folder):
    from kpp_tf import config
    from kpp_tf.models import build_model
    from kpp_tf.serving import saved_model

    print("Exporting a model of the default config.", file=sys.stderr)
    path, _ = saved_model.export(
        build_model(config.default()), folder, "kanerva_plus_plus", warm_up=False
    )
    return path.parent


if __name__ == "__main__":
    app.run(main)

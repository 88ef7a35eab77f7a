"""Malformed requests, then mixed load, on a server of its own; prints a JSON line.

Without --model it exports a model of the default config with weights as they are drawn:
what it costs to serve does not depend on training. The exit code is 1 if a malformed
request was not refused by its field's name, an answer was wrong, or the server's memory
grew by more than 5% after the first minute.
"""

import argparse
import json
import os
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

LARGEST_GROWTH = 0.05


def main() -> int:
    """Runs both; returns the exit code."""
    parser = argparse.ArgumentParser("python -m tests.stand_ins", description=__doc__)
    parser.add_argument("--model", help="folder of a model's versions")
    parser.add_argument("--malformed", type=int, default=1000, help="requests")
    parser.add_argument("--clients", type=int, default=16, help="at once")
    parser.add_argument("--seconds", type=float, default=600.0, help="of mixed load")
    flags = parser.parse_args()
    from rich.console import Console
    from rich.progress import Progress

    from tests.stand_ins import load

    with (
        tempfile.TemporaryDirectory() as folder,
        load.serving(flags.model or _export(folder)) as server,
        Progress(console=Console(stderr=True)) as progress,
    ):

        def bar(what, total):
            task = progress.add_task(what, total=total)
            return lambda: progress.advance(task)

        rest, grpc, _ = server.clients()
        advance = bar("malformed requests", flags.malformed)
        report = load.send_malformed(rest, grpc, flags.malformed, progress=advance)
        report["server_alive"] = server.process.is_running()
        advance = bar("mixed load", flags.seconds)
        report |= load.mixed_load(server, flags.clients, flags.seconds, advance)
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
        build_model(config.default()), f"{folder}/kpp", "kpp", warm_up=False
    )
    return path.parent


if __name__ == "__main__":
    sys.exit(main())

"""Malformed requests, then mixed load, on a server of its own; prints a JSON line.

Without --model it exports a model of the default config with weights as they are drawn:
what it costs to serve does not depend on training. The exit code is 1 if a malformed
request was not refused by its field's name, an answer was wrong, or the server's memory
grew by more than 5% after the first minute.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import psutil
from rich.console import Console
from rich.progress import Progress

from kpp_tf import config
from kpp_tf.models import build_model
from kpp_tf.serving import saved_model
from kpp_tf.serving.client_base import Client
from kpp_tf.serving.grpc_client import GrpcClient
from kpp_tf.serving.rest_client import RestClient
from tests.stand_ins import traffic

ROOT = Path(__file__).resolve().parents[2]
LARGEST_GROWTH = 0.05
MALFORMED_SHARE = 0.02  # of the mixed load


def main() -> int:
    """Runs both; returns the exit code."""
    parser = argparse.ArgumentParser("python -m tests.stand_ins", description=__doc__)
    parser.add_argument("--model", help="folder of a model's versions")
    parser.add_argument("--clients", type=int, default=16, help="at once")
    parser.add_argument("--seconds", type=float, default=600.0, help="of mixed load")
    flags = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        _serving(flags.model or _export(folder)) as (process, clients),
        Progress(console=Console(stderr=True)) as progress,
    ):
        known = traffic.known(clients[0])
        malformed = [
            request
            for name, spec in clients[0].signatures().items()
            for request in traffic.malformed(name, spec)
        ]
        tried = progress.track(malformed, description="malformed requests")
        report = {
            "malformed": len(malformed) * 2,
            "malformed_named": sum(
                request.is_refused_by(client)
                for request in tried
                for client in clients[:2]
            ),
        }
        bar = progress.add_task("mixed load", total=flags.seconds)
        many = [clients[number % 3] for number in range(flags.clients)]
        load = _Load(many, known, malformed)
        report |= load.run(process, flags.seconds, lambda: progress.advance(bar))
    report["passed"] = (
        report["malformed_named"] == report["malformed"]
        and report["errors"] == 0
        and report["memory_growth"] <= LARGEST_GROWTH
    )
    print(json.dumps(report))
    return 0 if report["passed"] else 1


def _export(folder):
    print("Exporting a model of the default config.", file=sys.stderr)
    path, _ = saved_model.export(
        build_model(config.default()), f"{folder}/kpp", "kpp", warm_up=False
    )
    return path.parent


@contextlib.contextmanager
def _serving(folder) -> Iterator[tuple[psutil.Process, list[Client]]]:
    """A server in a process of its own; a client of each kind."""
    folder = Path(folder).resolve()
    # By default glibc gives threads heaps of their own, which grow apart for many
    # minutes and would hide what a request keeps.
    with subprocess.Popen(
        [sys.executable, "-m", "tests.stand_ins.server", os.fspath(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"MALLOC_ARENA_MAX": "2", **os.environ},
        cwd=ROOT,
    ) as process:
        rest, grpc = json.loads(process.stdout.readline())
        # They try once, so that no error hides, and wait: many share two cores.
        once = {"timeout": 60.0, "attempts": 1}
        yield (
            psutil.Process(process.pid),
            [
                RestClient(rest, folder.name, **once),
                GrpcClient(grpc, folder.name, **once),
                RestClient(rest, folder.name, columnar=False, **once),
            ],
        )
        process.stdin.close()  # which ends the server


class _Load:
    """Clients that each send one request after another, a few of them malformed.

    Every answer must have the bits that the same request had before the load.
    """

    def __init__(self, clients, known, malformed):
        self._clients, self._known, self._malformed = clients, known, malformed
        self._stop = threading.Event()
        self._latencies: list[float] = []  # appending is atomic
        self._errors: list[str] = []

    def run(self, process, seconds, progress) -> dict:
        """Figures of so many seconds of it.

        Memory is the server's, resident: after the first minute (a quarter of the time,
        if that is shorter), the largest since, and the growth between them.
        """
        threads = [
            threading.Thread(target=self._work, args=pair, daemon=True)
            for pair in enumerate(self._clients)
        ]
        for thread in threads:
            thread.start()
        memory, started = [], time.monotonic()
        while (elapsed := time.monotonic() - started) < seconds:
            time.sleep(min(1.0, seconds / 8))
            memory.append((elapsed, process.memory_info().rss))
            progress()
        self._stop.set()
        for thread in threads:
            thread.join()
        settled = [rss for when, rss in memory if when >= min(60.0, seconds / 4)]
        millis = 1e3 * np.array(self._latencies)
        return {
            "load_seconds": round(elapsed, 1),
            "clients": len(threads),
            "requests": int(millis.size),
            "requests_per_second": round(millis.size / elapsed, 1),
            "errors": len(self._errors),
            "first_errors": self._errors[:3],
            **{f"p{q}_ms": round(np.percentile(millis, q), 1) for q in (50, 95, 99)},
            "memory_mb_settled": round(settled[0] / 2**20, 1),
            "memory_mb_largest": round(max(settled) / 2**20, 1),
            "memory_growth": round(max(settled) / settled[0] - 1, 4),
        }

    def _work(self, number, client):
        rng = np.random.default_rng(number)
        while not self._stop.is_set():
            columnar = getattr(client, "columnar", True)  # rows cannot be unequal
            if columnar and rng.random() < MALFORMED_SHARE:
                request = self._malformed[rng.integers(len(self._malformed))]
                right = request.is_refused_by
            else:
                request = self._known[rng.integers(len(self._known))]
                right = request.is_answered_by
            started = time.perf_counter()
            try:
                wrong = None if right(client) else f"a wrong answer to {request}"[:300]
            except Exception as error:
                wrong = repr(error)
            self._latencies.append(time.perf_counter() - started)
            if wrong:
                self._errors.append(wrong)


if __name__ == "__main__":
    sys.exit(main())

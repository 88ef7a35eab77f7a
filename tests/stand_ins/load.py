"""Malformed requests and mixed load on a server in a process of its own."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil

from kpp_tf.serving.client_base import Client, Retry, ServingError
from kpp_tf.serving.grpc_client import GrpcClient
from kpp_tf.serving.rest_client import RestClient
from kpp_tf.serving.specs import example_inputs
from tests.stand_ins import malformed

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
MALFORMED_SHARE = 0.02  # of the mixed load


class Server(NamedTuple):
    """A server under test."""

    process: psutil.Process
    model: str
    rest: str
    grpc: str

    def clients(self) -> tuple[RestClient, GrpcClient, RestClient]:
        """One client of each kind; none tries a second time, so that no error hides."""
        # 16 clients share two cores, so an answer may take long.
        once = {"timeout": 60.0, "retry": Retry(attempts=1)}
        return (
            RestClient(self.rest, self.model, **once),
            GrpcClient(self.grpc, self.model, **once),
            RestClient(self.rest, self.model, columnar=False, **once),
        )

    def memory(self) -> int:
        """Resident bytes of the server's process."""
        return self.process.memory_info().rss


@contextlib.contextmanager
def serving(folder: str | os.PathLike) -> Iterator[Server]:
    """Runs `server` in a process of its own until the block ends.

    Args:
      folder: `<base>/<model>`.
    """
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
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server ended with code {process.wait()}")
        ports = json.loads(line)
        try:
            yield Server(
                psutil.Process(process.pid),
                folder.name,
                f"{HOST}:{ports['rest_port']}",
                f"{HOST}:{ports['grpc_port']}",
            )
        finally:
            process.stdin.close()  # which ends the server
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()


class _Known(NamedTuple):
    """A request and its right answer."""

    signature: str
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]

    def is_answered_by(self, client: Client) -> bool:
        """Whether the client gets the same bits."""
        got = client.predict(self.inputs, self.signature)
        return got.keys() == self.outputs.keys() and all(
            np.array_equal(got[name], value) for name, value in self.outputs.items()
        )


def send_malformed(
    rest: RestClient,
    grpc: GrpcClient,
    count: int,
    seed: int = 0,
    every: int = 5,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Sends malformed requests, and a valid one after every few.

    Args:
      rest: a client that tries once.
      grpc: the same, of the same model.
      count: malformed requests; REST and gRPC in turn.
      seed: of the choice.
      every: malformed requests between two valid ones.
      progress: called after each malformed request.

    Returns:
      `malformed` sent, `malformed_named` (refused with an error that names the field),
      `malformed_kinds`, `unnamed` (the first that were not), `valid_between` sent,
      `valid_between_right` (answered with the same bits as before).
    """
    rng = np.random.default_rng(seed)
    known = _known_requests(grpc)
    kinds: Counter[str] = Counter()
    unnamed, sent, right = [], 0, 0
    for number in range(count):
        kind, wrong = _send_one(rest if number % 2 == 0 else grpc, rng)
        kinds[kind] += 1
        if wrong:
            unnamed.append(wrong)
        if number % every == every - 1:
            one = known[sent % len(known)]
            right += one.is_answered_by((rest, grpc)[sent % 2])
            sent += 1
        progress()
    return {
        "malformed": count,
        "malformed_named": count - len(unnamed),
        "malformed_kinds": dict(sorted(kinds.items())),
        "unnamed": unnamed[:5],
        "valid_between": sent,
        "valid_between_right": right,
    }


def mixed_load(
    server: Server,
    clients: int,
    seconds: float,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Loads the server with clients of every kind, each one request after another.

    A few requests are malformed and must be refused; every other answer must have the
    bits that the same request had before the load.

    Args:
      server: that is loaded.
      clients: how many at once; REST columnar, gRPC and REST rows in turn.
      seconds: how long.
      progress: called once a second.

    Returns:
      Requests, errors, latencies in milliseconds, and the server's resident memory:
      after the first minute (a quarter of the time, if that is shorter) and its largest
      since, with the growth between them.
    """
    groups = [server.clients() for _ in range(-(-clients // 3))]
    chosen = [client for group in groups for client in group][:clients]
    known = _known_requests(groups[0][1])
    stop = threading.Event()
    latencies: list[float] = []  # appending is atomic
    errors: list[str] = []

    def work(number, client):
        rng = np.random.default_rng([1, number])
        while not stop.is_set():
            started = time.perf_counter()
            try:
                wrong = _one(client, known, rng)
            except Exception as error:
                wrong = repr(error)
            latencies.append(time.perf_counter() - started)
            if wrong:
                errors.append(wrong)

    threads = [
        threading.Thread(target=work, args=pair, daemon=True)
        for pair in enumerate(chosen)
    ]
    for thread in threads:
        thread.start()
    memory = []
    started = time.monotonic()
    try:
        while time.monotonic() - started < seconds:
            time.sleep(min(1.0, seconds / 8))
            memory.append((time.monotonic() - started, server.memory()))
            progress()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    elapsed = time.monotonic() - started
    settled = min(60.0, seconds / 4)
    after = [rss for when, rss in memory if when >= settled]
    millis = 1e3 * np.array(latencies)
    return {
        "load_seconds": round(elapsed, 1),
        "clients": clients,
        "requests": int(millis.size),
        "requests_per_second": round(millis.size / elapsed, 1),
        "errors": len(errors),
        "first_errors": errors[:3],
        **{f"p{q}_ms": round(float(np.percentile(millis, q)), 1) for q in (50, 95, 99)},
        "memory_mb_settled": round(after[0] / 2**20, 1),
        "memory_mb_largest": round(max(after) / 2**20, 1),
        "memory_growth": round(max(after) / after[0] - 1, 4),
    }


def _known_requests(client):
    """A few requests of each signature, with the answers of an idle server."""
    known = []
    for name, spec in sorted(client.signatures().items()):
        for rows in (1, 2, 4):
            inputs = example_inputs(spec.inputs, rows, length=8)
            known.append(_Known(name, inputs, client.predict(inputs, name)))
    return known


def _send_one(client, rng):
    """Sends a malformed request; returns its kind, and what is wrong if not refused."""
    request = malformed.draw(client.signatures(), rng, isinstance(client, RestClient))
    error = None
    try:
        if request.body is not None:
            client.post(request.body)
        else:
            client.send(request.signature, request.inputs)
    except ServingError as refusal:
        error = str(refusal)
    named = error and any(name in error for name in request.names)
    return request.what, None if named else f"{request} was not refused: {error}"


def _one(client, known, rng):
    """Sends one request; returns what was wrong with its answer, or None."""
    rows = isinstance(client, RestClient) and not client.columnar
    if not rows and rng.random() < MALFORMED_SHARE:
        return _send_one(client, rng)[1]
    one = known[rng.integers(len(known))]
    return None if one.is_answered_by(client) else f"{one.signature}: other bits"

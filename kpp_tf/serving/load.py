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

from kpp_tf.serving import malformed
from kpp_tf.serving.client import Retry, ServingError
from kpp_tf.serving.grpc_client import GrpcClient
from kpp_tf.serving.rest_client import RestClient

HOST = "127.0.0.1"
TIMEOUT = 60.0  # seconds: 16 clients share two cores
MALFORMED_SHARE = 0.02  # of the mixed load


class Server(NamedTuple):
    """A server under test."""

    process: psutil.Process
    model: str
    rest: str
    grpc: str

    def clients(self) -> list[RestClient | GrpcClient]:
        """One client of each kind; none tries a second time, so that no error hides."""
        once = {"timeout": TIMEOUT, "retry": Retry(attempts=1)}
        return [
            RestClient(self.rest, self.model, columnar=True, **once),
            GrpcClient(self.grpc, self.model, **once),
            RestClient(self.rest, self.model, columnar=False, **once),
        ]

    def memory(self) -> int:
        """Resident bytes of the server's process."""
        return self.process.memory_info().rss


@contextlib.contextmanager
def serving(folder: str | os.PathLike) -> Iterator[Server]:
    """Runs `local_server` in a process of its own until the block ends.

    Args:
      folder: `<base>/<model>`.
    """
    command = [sys.executable, "-m", "kpp_tf.serving.local_server", os.fspath(folder)]
    # By default glibc gives threads heaps of their own, which grow apart for many
    # minutes and would hide what a request keeps.
    environment = {"MALLOC_ARENA_MAX": "2", **os.environ}
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server ended with code {process.wait()}")
        ports = json.loads(line)
        yield Server(
            psutil.Process(process.pid),
            Path(folder).resolve().name,
            f"{HOST}:{ports['rest_port']}",
            f"{HOST}:{ports['grpc_port']}",
        )
    finally:
        process.stdin.close()  # which ends the server
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


class _Known(NamedTuple):
    """A request and its right answer."""

    signature: str
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]


def send_malformed(
    server: Server,
    count: int,
    seed: int = 0,
    every: int = 5,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Sends malformed requests, and a valid one after every few.

    Args:
      server: that receives them.
      count: malformed requests; REST and gRPC in turn.
      seed: of the choice.
      every: malformed requests between two valid ones.
      progress: called after each malformed request.

    Returns:
      `malformed` sent, `malformed_named` (refused with an error that names the field),
      `malformed_kinds`, `unnamed` (the first that were not), `valid_between` sent,
      `valid_between_right` (answered with the same bits as before), `server_alive`.
    """
    rest, grpc, _ = server.clients()
    rng = np.random.default_rng(seed)
    specs = grpc.signatures()
    known = _known_requests(grpc, rng)
    kinds: Counter[str] = Counter()
    unnamed, sent, right = [], 0, 0
    for number in range(count):
        over_rest = number % 2 == 0
        request = malformed.draw(specs, rng, over_rest)
        error = _refusal(rest if over_rest else grpc, request)
        kinds[request.what] += 1
        if not error or not any(name in error for name in request.names):
            unnamed.append([request.what, request.signature, request.names, error])
        if number % every == every - 1:
            one = known[number // every % len(known)]
            sent += 1
            right += _is_right((rest, grpc)[number // every % 2], one)
        progress()
    alive = server.process.is_running()
    grpc.close()
    return {
        "malformed": count,
        "malformed_named": count - len(unnamed),
        "malformed_kinds": dict(sorted(kinds.items())),
        "unnamed": unnamed[:5],
        "valid_between": sent,
        "valid_between_right": right,
        "server_alive": alive,
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
    kinds = [server.clients() for _ in range(-(-clients // 3))]
    chosen = [client for group in kinds for client in group][:clients]
    known = _known_requests(kinds[0][1], np.random.default_rng(0))
    stop = threading.Event()
    latencies: list[list[float]] = [[] for _ in chosen]
    errors: list[str] = []

    def work(number):
        rng = np.random.default_rng([1, number])
        client = chosen[number]
        while not stop.is_set():
            started = time.perf_counter()
            try:
                wrong = _one(client, known, rng)
            except Exception as error:
                wrong = repr(error)
            latencies[number].append(time.perf_counter() - started)
            if wrong:
                errors.append(wrong)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(chosen))]
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
    millis = 1e3 * np.concatenate([np.array(times) for times in latencies])
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


def _known_requests(client, rng):
    """A few requests of each signature, with the answers of an idle server."""
    known = []
    for name, spec in sorted(client.signatures().items()):
        for rows in (1, 2, 4):
            inputs = malformed.valid(spec, rng, rows, length=8)
            known.append(_Known(name, inputs, client.predict(inputs, name)))
    return known


def _is_right(client, known):
    got = client.predict(known.inputs, known.signature)
    return got.keys() == known.outputs.keys() and all(
        np.array_equal(got[name], value) for name, value in known.outputs.items()
    )


def _refusal(client, request):
    """The server's error, or None if it gave none."""
    try:
        if request.body is not None:
            client.post(request.body)
        else:
            client.send(request.signature, request.inputs)
    except ServingError as error:
        return str(error)
    return None


def _one(client, known, rng):
    """Sends one request; returns what was wrong with its answer, or None."""
    rest = isinstance(client, RestClient)
    if rng.random() < MALFORMED_SHARE and not (rest and not client.columnar):
        request = malformed.draw(client.signatures(), rng, rest)
        error = _refusal(client, request)
        if not error or not any(name in error for name in request.names):
            return f"{request.what}: not refused by name: {error}"
        return None
    one = known[rng.integers(len(known))]
    return None if _is_right(client, one) else f"{one.signature}: other bits"

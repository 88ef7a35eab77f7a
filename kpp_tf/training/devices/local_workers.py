"""Workers of one training run, as processes on this machine."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path


def cluster(num_workers: int) -> list[str]:
    """The TF_CONFIG of each worker, at free ports of the loopback address."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(num_workers)]
    addresses = [f"127.0.0.1:{free.getsockname()[1]}" for free in sockets]
    for free in sockets:
        free.close()
    return [
        json.dumps(
            {
                "cluster": {"worker": addresses},
                "task": {"type": "worker", "index": index},
            }
        )
        for index in range(num_workers)
    ]


def start(
    command: Sequence[str], num_workers: int, log_dir: Path
) -> list[subprocess.Popen]:
    """Starts `python COMMAND` once for each worker.

    Args:
      command: the program's file (or -m and a module) and its arguments.
      num_workers: how many.
      log_dir: worker K writes to worker-K.log there.

    Returns:
      The processes.
    """
    log_dir.mkdir(parents=True, exist_ok=True)
    workers = []
    for index, tf_config in enumerate(cluster(num_workers)):
        with log_path(log_dir, index).open("w") as log:
            workers.append(
                subprocess.Popen(
                    [sys.executable, *command],
                    env={**os.environ, "TF_CONFIG": tf_config},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
    return workers


def log_path(log_dir: Path, index: int) -> Path:
    """Where worker `index` writes."""
    return log_dir / f"worker-{index}.log"


def wait(workers: Sequence[subprocess.Popen], grace_seconds: float) -> int:
    """Waits for all workers; after a failure, kills those that do not stop in time.

    Args:
      workers: of `start`.
      grace_seconds: for the others, from the first failure on.

    Returns:
      The exit code of the worker that failed first, as a shell shows it (128 + the
      number of the signal that ended it); 0 if none failed.
    """
    first_failure, deadline = 0, None
    while any(worker.poll() is None for worker in workers):
        failed = [worker.returncode for worker in workers if worker.poll()]
        if failed and not first_failure:
            first_failure, deadline = failed[0], time.monotonic() + grace_seconds
        if deadline is not None and time.monotonic() > deadline:
            for worker in workers:
                if worker.poll() is None:
                    worker.kill()
        time.sleep(0.2)
    codes = [first_failure, *(worker.returncode for worker in workers)]
    code = next((code for code in codes if code), 0)
    return code if code >= 0 else 128 - code

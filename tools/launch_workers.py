r"""Runs a command as N workers on this machine, to try out several machines.

    python tools/launch_workers.py --num_workers=2 -- \
        tools/train.py --config=configs/glyphs.py --workdir=runs/two \
        --strategy=multi_worker

Each worker is `python COMMAND` with its own TF_CONFIG, which names every worker at a
free port of the loopback address, and writes to LOGS/worker-K.log. SIGTERM and
Ctrl-C reach all of them. docs/distributed.md explains the same for several machines.

When a worker fails, the others have GRACE_SECONDS to stop by themselves. The exit code
is the one of the worker that failed first, or 0.
"""

import signal
import sys
from pathlib import Path

from absl import flags

from kpp_tf import cli
from kpp_tf.errors import UserError

NUM_WORKERS = flags.DEFINE_integer("num_workers", 2, "Workers.", lower_bound=1)
LOGS = flags.DEFINE_string("logs", "runs/workers", "Folder of the workers' logs.")
GRACE_SECONDS = flags.DEFINE_float(
    "grace_seconds", 120.0, "How long the others may run on after one has failed."
)


def main(command: list[str]) -> int:
    """Starts the workers and waits for them; returns the exit code."""
    if not command:
        raise UserError("a command comes after --. Received: nothing")
    from kpp_tf.training.devices import local_workers

    log_dir = Path(LOGS.value)
    workers = local_workers.start(command, NUM_WORKERS.value, log_dir)

    def pass_on(number: int, _: object) -> None:
        for worker in workers:
            if worker.poll() is None:
                worker.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, pass_on)
    print(f"{len(workers)} workers write to {log_dir}", file=sys.stderr)
    code = local_workers.wait(workers, GRACE_SECONDS.value)
    outcome = "All workers are done" if code == 0 else f"A worker ended with {code}"
    print(f"{outcome}: see {local_workers.log_path(log_dir, 0)}", file=sys.stderr)
    return code


if __name__ == "__main__":
    cli.run(main, arguments=True)

r"""Kills training again and again, and checks that nothing is lost.

    python -m tests.training.faults     # `make faults`: 20 kills, two workers
    python -m tests.training.faults --kills=3 --noworkers

1. A run without interruption, for reference.
2. The same run with SIGKILL at random moments, start-up and saving included; in
   between, the newest checkpoint gets a bit flipped, later it is cut short, and once
   the run is stopped by SIGTERM. Its last checkpoint must equal the reference bit for
   bit (weights, optimiser, average), and no whole checkpoint may be lost.
3. Two workers; one is killed. The other must stop by itself with the code and the
   message for it, and a restart of both must finish the run.

The last line is a JSON object with what was tried and what survived. The exit code is
0 if everything did.
"""

import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

from absl import flags, logging

from kpp_tf import cli
from kpp_tf.training import checkpoints, local_workers
from tests.training import tiny

KILLS = flags.DEFINE_integer("kills", 20, "SIGKILLs in one run.", lower_bound=0)
WORKERS = flags.DEFINE_bool("workers", True, "Try two workers, too.")
SEED = flags.DEFINE_integer("seed", 0, "Chooses the moments.")
OUT = flags.DEFINE_string("out", "runs/faults", "Folder; emptied at the start.")

TRAIN = str(Path(__file__).resolve().parents[2] / "tools" / "train.py")
STEPS_A_KILL = 150  # More than a run gets on between two kills.
SIGTERM_EXIT, WORKER_LOST_EXIT = 143, 144
PATIENCE_SECONDS = 1800.0


def main() -> int:
    """Runs the trials; returns 0 if all went well."""
    logging.set_verbosity(logging.ERROR)
    out = Path(OUT.value)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    report = kill_one_device(out, KILLS.value, random.Random(SEED.value))
    if WORKERS.value:
        report.update(kill_one_worker(out))
    report["passed"] = bool(
        report["weights_equal"]
        and report["checkpoints_lost"] == 0
        and report["damage_named"] == report["damaged"]
        and report["sigterm_exit"] == SIGTERM_EXIT
        and report.get("worker_lost_exit", WORKER_LOST_EXIT) == WORKER_LOST_EXIT
        and report.get("workers_restart_exit", 0) == 0
    )
    (out / "faults.json").write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report))
    return 0 if report["passed"] else 1


def kill_one_device(out: Path, kills: int, rng: random.Random) -> dict:
    """Trials 1 and 2."""
    steps = max(kills, 1) * STEPS_A_KILL
    say("uninterrupted run")
    began = time.monotonic()
    subprocess.run(command(out / "whole", steps), check=True, stderr=subprocess.PIPE)
    report = {"steps": steps, "seconds_uninterrupted": time.monotonic() - began}

    workdir, log = out / "killed", out / "killed.log"
    report.update(kills=0, checkpoints_lost=0)
    damaged = []
    reached, finished = 0, False
    for attempt in range(kills):
        process = start(command(workdir, steps), log)
        goal = reached + 20 * rng.randint(0, 3)
        # Before the first goal, at any moment of the start-up.
        pause = rng.uniform(0, 15) if goal == reached else rng.uniform(0, 0.2)
        wait_for_step(process, workdir, goal, reached)
        time.sleep(pause)
        finished = process.poll() is not None
        process.kill()
        process.wait()
        if finished:
            break
        report["kills"] += 1
        newest = newest_step(workdir)
        report["checkpoints_lost"] += newest < reached
        reached = newest
        say(f"kill {attempt + 1}: newest checkpoint {newest}")
        if reached and attempt in (kills // 3, 2 * kills // 3):
            damaged.append(damage(workdir, flip=attempt == kills // 3))
            reached = newest_step(workdir)

    process = start(command(workdir, steps), log)
    wait_for_step(process, workdir, reached + 20, reached)
    process.terminate()
    report["sigterm_exit"] = process.wait(PATIENCE_SECONDS)
    if report["sigterm_exit"] < 0:  # during start-up, before there is a handler
        report["sigterm_exit"] = 128 - report["sigterm_exit"]
    say(f"SIGTERM: exit code {report['sigterm_exit']}")
    start(command(workdir, steps), log).wait(PATIENCE_SECONDS)
    text = log.read_text()
    named = [path for path in damaged if f"damaged checkpoint {path}:" in text]
    report.update(damaged=len(damaged), damage_named=len(named))
    report["weights_equal"] = equal(out / "whole", workdir)
    return report


def kill_one_worker(out: Path) -> dict:
    """Trial 3."""
    workdir, logs = out / "workers", out / "workers-logs"

    def launch(steps):
        arguments = [*command(workdir, steps)[1:], "--strategy=multi_worker"]
        return local_workers.start(arguments, 2, logs)

    say("two workers")
    survivor, victim = launch(100000)
    wait_for_step(survivor, workdir, 20, 0)
    victim.kill()
    began = time.monotonic()
    code = survivor.wait(PATIENCE_SECONDS)
    report = {
        "worker_lost_exit": code,
        "worker_lost_seconds": round(time.monotonic() - began, 1),
    }
    text = local_workers.log_path(logs, 0).read_text()
    report["worker_lost_message"] = "Another worker went away" in text
    reached = newest_step(workdir)
    say(f"worker 0 stopped with {code} after {report['worker_lost_seconds']} s")
    workers = launch(reached + 60)
    report["workers_restart_exit"] = local_workers.wait(workers, 120)
    report["workers_went_on_from"] = reached
    return report


def command(workdir: Path, steps: int) -> list[str]:
    """The command line of a run."""
    return [
        sys.executable,
        TRAIN,
        "--noexport",
        "--config=faults",
        f"--config.train.steps={steps}",
        f"--workdir={workdir}",
        "--notensorboard",
    ]


def start(arguments: list[str], log: Path) -> subprocess.Popen:
    """Starts a run whose output is added to `log`."""
    with log.open("a") as stream:
        return subprocess.Popen(arguments, stdout=stream, stderr=subprocess.STDOUT)


def wait_for_step(
    process: subprocess.Popen, workdir: Path, goal: int, reached: int
) -> None:
    """Returns when the run has a checkpoint of step `goal`, or has ended."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while goal > reached and process.poll() is None and time.monotonic() < deadline:
        names = workdir.glob(f"{checkpoints.FOLDER}/ckpt-*.index")
        if any(checkpoints.checkpoint_step(name.stem) >= goal for name in names):
            return
        time.sleep(0.05)


def newest_step(workdir: Path) -> int:
    """The step of the newest whole checkpoint; 0 if there is none."""
    path = checkpoints.newest_checkpoint(workdir)
    return checkpoints.checkpoint_step(path) if path else 0


def damage(workdir: Path, flip: bool) -> Path:
    """Flips a bit of the newest checkpoint, or cuts it; returns its path."""
    path = checkpoints.newest_checkpoint(workdir)
    data = path.with_name(path.name + ".data-00000-of-00001")
    content = bytearray(data.read_bytes())
    if flip:
        content[len(content) // 2] ^= 1
    else:
        del content[len(content) // 2 :]
    data.write_bytes(content)
    say(f"{'bit flipped' if flip else 'cut'}: {path.name}")
    return path


def equal(one: Path, other: Path) -> bool:
    """Whether the last checkpoints of two runs are the same, bit for bit."""
    paths = [checkpoints.newest_checkpoint(workdir) for workdir in (one, other)]
    if paths[0].name != paths[1].name:
        return False
    for part in ("model", "optimizer", "average"):
        a, b = (tiny.arrays_of(path, part) for path in paths)
        if not a or a.keys() != b.keys():
            return False
        if any(a[key].tobytes() != b[key].tobytes() for key in a):
            return False
    return True


def say(line: str) -> None:
    """Tells a person how far this is."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    cli.run(main)

r"""Measures speed. Let nothing else run meanwhile.

    python tools/benchmark.py training                    # step, write, read, generate
    python tools/benchmark.py loop                        # the loop's overhead
    python tools/benchmark.py pipeline --config=configs/mnist.py --data_dir=DIR
    python tools/benchmark.py memory                      # K++ and DKM memories alone
    python tools/benchmark.py serving --saved_model=DIR   # latency, throughput; --help

Everything is a median over rounds within one run, printed as a table and, with
--json=FILE, written down. Compare ratios within a run, not seconds between machines.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app, flags
from ml_collections import config_flags

CONFIG = config_flags.DEFINE_config_file(
    "config",
    str(Path(__file__).resolve().parent.parent / "configs" / "glyphs.py"),
    "A file of configs/; --config.a.b=value overrides a field.",
)
DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Folder of prepared TFDS data sets; not needed for glyphs."
)
ROUNDS = flags.DEFINE_integer("rounds", 5, "Rounds that the median is taken over.", 1)
JSON = flags.DEFINE_string("json", None, "File to write the figures to.")


def training() -> dict:
    """Images/s and GFLOP/s of the training step and of the model's other calls."""
    from kpp_tf.benchmarks import training as benchmarks

    return benchmarks.model_speed(CONFIG.value, ROUNDS.value)


def loop() -> dict:
    """The training loop, input included, against the step alone."""
    from kpp_tf.benchmarks import training as benchmarks
    from kpp_tf.data import load_scored

    split = CONFIG.value.data.train_split
    table = load_scored(CONFIG.value, split, DATA_DIR.value)
    return benchmarks.loop_overhead(CONFIG.value, table, ROUNDS.value)


def pipeline() -> dict:
    """Images/s of the input pipeline as a multiple of the training step's."""
    from kpp_tf.benchmarks import training as benchmarks
    from kpp_tf.data import load_scored

    split = CONFIG.value.data.train_split
    table = load_scored(CONFIG.value, split, DATA_DIR.value)
    return benchmarks.pipeline_speed(CONFIG.value, table, ROUNDS.value)


def memory() -> dict:
    """Write and read, forward and backward, of the memories alone."""
    from kpp_tf.benchmarks import training as benchmarks

    return benchmarks.memory_speed(ROUNDS.value)


COMMANDS = {f.__name__: f for f in (training, loop, pipeline, memory)}


def main(argv: list[str]) -> int:
    """Runs one benchmark; returns the exit code."""
    if len(argv) != 2 or argv[1] not in COMMANDS:
        names = ", ".join([*COMMANDS, "serving"])
        raise app.UsageError(f"Name one of {names}. Received: {argv[1:]}")
    results = COMMANDS[argv[1]]()
    print(json.dumps(results, indent=1))
    if JSON.value:
        from kpp_tf.files import write_json

        write_json(Path(JSON.value), results)
        print(f"Wrote {JSON.value}", file=sys.stderr)
    return 0


def serving() -> None:
    """Latency and throughput of an export; it has flags of its own."""
    from kpp_tf.benchmarks import serving as benchmark

    print(json.dumps(benchmark.run(sys.argv[2:]), indent=1))


if __name__ == "__main__":
    if sys.argv[1:2] == ["serving"]:
        serving()
    else:
        app.run(main)

r"""Measures speed. Run nothing else meanwhile.

    python tools/benchmark.py training                    # step, write, read, generate
    python tools/benchmark.py loop                        # the loop's overhead
    python tools/benchmark.py pipeline --config=configs/mnist.py --data_dir=DIR
    python tools/benchmark.py memory                      # K++ and DKM memories alone
    python tools/benchmark.py size                        # a memory of 1,024 images
    python tools/benchmark.py serving --saved_model=DIR   # latency, throughput; --help

Figures are medians over rounds of one run, printed as JSON and, with --json=FILE,
written to it. Compare ratios within a run, not seconds between machines.
"""

import json
import sys
from typing import TYPE_CHECKING

from absl import flags

from kpp_tf import cli, files
from kpp_tf.errors import UserError

if TYPE_CHECKING:
    from kpp_tf.data import ImageTable

CONFIG = cli.define_config("glyphs")
DATA_DIR = cli.define_data_dir()
ROUNDS = flags.DEFINE_integer("rounds", 5, "Rounds that the median is taken over.", 1)
SAVED_MODEL = flags.DEFINE_string(
    "saved_model", None, "Of serving: folder of a version, or of versions."
)
TFLITE = flags.DEFINE_multi_string(
    "tflite", [], "Of serving: a .tflite file. May be repeated."
)
BATCH_SIZES = flags.DEFINE_list(
    "batch_sizes", ["1", "2", "4", "8", "16", "32"], "Of serving: rows of a request."
)
LENGTH = flags.DEFINE_integer("length", 32, "Of serving: images of an episode.", 1)
SECONDS = flags.DEFINE_float("seconds", 2.0, "Of serving: for a measurement.", 0.0)
PLOT = flags.DEFINE_string("plot", None, "Of serving: PNG file to draw.")
JSON = flags.DEFINE_string("json", None, "File to write the figures to.")


def training() -> dict:
    """Images/s and GFLOP/s of the training step and of the model's other calls."""
    from kpp_tf.benchmarks import training as benchmarks

    return benchmarks.model_speed(CONFIG.value, ROUNDS.value)


def loop() -> dict:
    """The training loop, input included, against the step alone."""
    from kpp_tf.benchmarks import training as benchmarks

    return benchmarks.loop_overhead(CONFIG.value, _table(), ROUNDS.value)


def pipeline() -> dict:
    """Images/s of the input pipeline as a multiple of the training step's."""
    from kpp_tf.benchmarks import training as benchmarks

    return benchmarks.pipeline_speed(CONFIG.value, _table(), ROUNDS.value)


def memory() -> dict:
    """Write and read, forward and backward, of the memories alone."""
    from kpp_tf.benchmarks import training as benchmarks

    return benchmarks.memory_speed(ROUNDS.value)


def size() -> dict:
    """The cost of an image in a memory of 1,024 against one of 32, and peak memory."""
    from kpp_tf.benchmarks.memory_size import memory_size_speed

    return memory_size_speed(CONFIG.value, rounds=ROUNDS.value)


def serving() -> dict:
    """Latency and throughput of each signature of an export against the batch size."""
    from kpp_tf.benchmarks import serving as benchmark

    if not SAVED_MODEL.value and not TFLITE.value:
        raise UserError("give --saved_model, --tflite or both. Received: neither")
    rows = []
    if SAVED_MODEL.value:
        if not all(size.isdecimal() and int(size) for size in BATCH_SIZES.value):
            raise UserError(
                "--batch_sizes takes whole numbers from 1, such as 1,8. "
                f"Received: {','.join(BATCH_SIZES.value)}"
            )
        sizes = [int(size) for size in BATCH_SIZES.value]
        rows += benchmark.measure_saved_model(
            SAVED_MODEL.value, sizes, LENGTH.value, SECONDS.value
        )
    for path in TFLITE.value:
        rows += benchmark.measure_tflite(path, SECONDS.value)
    print(benchmark.to_markdown(rows))
    if PLOT.value:
        print(f"Wrote {benchmark.plot(rows, PLOT.value)}", file=sys.stderr)
    return {"rows": rows}


def _table() -> "ImageTable":
    from kpp_tf.data import load_scored

    return load_scored(CONFIG.value, CONFIG.value.data.train_split, DATA_DIR.value)


COMMANDS = {f.__name__: f for f in (training, loop, pipeline, memory, size, serving)}


def main(words: list[str]) -> None:
    """Runs one benchmark."""
    if len(words) != 1 or words[0] not in COMMANDS:
        raise UserError(f"name one of {', '.join(COMMANDS)}. Received: {words}")
    cli.start_tensorflow()
    results = COMMANDS[words[0]]()
    print(json.dumps(results, indent=1))
    if JSON.value:
        files.write_json(JSON.value, results)
        print(f"Wrote {JSON.value}", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main, arguments=True)

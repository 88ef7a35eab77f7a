r"""Trains a model.

    python tools/train.py --config=configs/glyphs.py --workdir=runs/glyphs
    python tools/train.py --config=configs/binarized_mnist.py \
        --config.train.steps=20000 --config.data.augment="('shift',)" \
        --workdir=runs/mnist --data_dir=/data/tfds

The same command line continues a run that was stopped, from its newest checkpoint.
The work directory then holds config.json, metrics.csv (nats an image), checkpoints/
and, at the end, summary.json.

Exit codes: 0 the run is complete; 1 an error, which is printed; 3 the objective
diverged; 143 the run was asked to stop (SIGTERM), has saved, and can go on.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app, flags
from ml_collections import config_flags

CONFIG = config_flags.DEFINE_config_file(
    "config", None, "A file of configs/; --config.a.b=value overrides a field."
)
WORKDIR = flags.DEFINE_string("workdir", None, "Folder of this run.")
DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Folder of prepared TFDS data sets; not needed for glyphs."
)
STRATEGY = flags.DEFINE_enum(
    "strategy",
    "one",
    ["one", "mirrored", "multi_worker", "tpu"],
    "one device; all GPUs of this machine (or --num_cpus); the workers of TF_CONFIG; "
    "a TPU.",
)
NUM_CPUS = flags.DEFINE_integer(
    "num_cpus", 0, "Logical CPU devices for --strategy=mirrored; 0 takes the GPUs."
)
TPU = flags.DEFINE_string("tpu", "", "Name or address of the TPU; '' finds it.")
ROLLBACKS = flags.DEFINE_integer(
    "rollbacks",
    0,
    "How often to go back to the last checkpoint after divergence and pass over the "
    "batches since; 0 stops instead.",
)

EXIT_ERROR, EXIT_DIVERGED, EXIT_STOPPED = 1, 3, 143


def main(argv: list[str]) -> int:
    """Trains; returns the exit code."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected flags only. Received: {argv[1:]}")
    import keras

    from kpp_tf.data import load_images
    from kpp_tf.training import controller, strategies
    from kpp_tf.training.trainer import Trainer

    config = CONFIG.value
    strategy = strategies.make_strategy(STRATEGY.value, NUM_CPUS.value, TPU.value)
    keras.mixed_precision.set_dtype_policy(config.train.precision)
    table = load_images(config.data, config.data.train_split, DATA_DIR.value)
    trainer = Trainer(config, table, strategy)
    run = controller.Controller(trainer, WORKDIR.value, None, ROLLBACKS.value)
    try:
        run.run()
    except controller.Stopped as stopped:
        print(f"{stopped} The same command goes on.", file=sys.stderr)
        return EXIT_STOPPED
    except controller.Diverged as diverged:
        print(diverged, file=sys.stderr)
        return EXIT_DIVERGED
    print(f"Trained to step {trainer.step}: see {WORKDIR.value}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    flags.mark_flags_as_required(["config", "workdir"])
    app.run(main)

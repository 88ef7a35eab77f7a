r"""Evaluates a model on every image of a split.

    python tools/evaluate.py --workdir=runs/glyphs
    python tools/evaluate.py --pretrained=binarized_mnist --data_dir=/data/tfds \
        --num_samples=16 --json=results/kpp/binarized_mnist.json
    python tools/evaluate.py --pretrained=binarized_mnist --data_dir=/data/tfds \
        --episode_length=64 --memory_size=8 --memory_dtype=int4

Prints, in nats an image, the bound of -ln p(X|M) (lower is better) with its standard
error and its terms; bits/dim; the importance-weighted bound; and the bound with the
memories swapped between episodes, which shows how much is read from the memory. The
memory is written from the very images that are scored.

With --watch it waits beside a training run, evaluates each new checkpoint, and ends
with the run.
"""

import functools
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app, flags

WORKDIR = flags.DEFINE_string("workdir", None, "Folder of a training run.")
PRETRAINED = flags.DEFINE_string("pretrained", None, "Name of a pretrained model.")
DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Folder of prepared TFDS data sets; not needed for glyphs."
)
SPLIT = flags.DEFINE_string(
    "split", None, "Of the data; config.data.test_split if not given."
)
LENGTH = flags.DEFINE_integer(
    "episode_length", 0, "T; 0 takes the one that the model was trained with."
)
MEMORY_SIZE = flags.DEFINE_integer(
    "memory_size",
    0,
    "S of the memory, in cells a side, with the same weights; 0 takes the one that the "
    "model was trained with. An allocated memory wants floor(S / P)^2 >= T K.",
    lower_bound=0,
)
NUM_SAMPLES = flags.DEFINE_integer(
    "num_samples", None, "Of the importance-weighted bound; 0 leaves it out."
)
SWAPPED = flags.DEFINE_bool("swapped", True, "Whether to score swapped memories too.")
EMA = flags.DEFINE_bool("ema", True, "Take the weights' average, where there is one.")
WHICH = flags.DEFINE_enum("which", "newest", ["newest", "best"], "Checkpoint to take.")
MEMORY_DTYPE = flags.DEFINE_enum(
    "memory_dtype",
    "float32",
    ["float32", "bfloat16", "int8", "int4"],
    "What the memory is stored as between writing and reading.",
)
WATCH = flags.DEFINE_bool(
    "watch", False, "Evaluate each new checkpoint of --workdir until its run ends."
)
STRATEGY = flags.DEFINE_enum(
    "strategy",
    "one",
    ["one", "mirrored", "multi_worker", "tpu"],
    "One device; all GPUs of this machine (or --num_cpus); the workers of TF_CONFIG; "
    "a TPU. Results do not depend on it.",
)
NUM_CPUS = flags.DEFINE_integer(
    "num_cpus", 0, "Logical CPU devices for --strategy=mirrored; 0 takes the GPUs."
)
TPU = flags.DEFINE_string("tpu", "", "Name or address of the TPU; '' finds it.")
JSON = flags.DEFINE_string(
    "json", None, "File to write the numbers to; with --watch the latest."
)


def main(argv: list[str]) -> int:
    """Evaluates; returns the exit code."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected flags only. Received: {argv[1:]}")
    as_trained = WHICH.value == "newest" and not MEMORY_SIZE.value
    if WATCH.value and (WORKDIR.value is None or not as_trained):
        raise app.UsageError(
            "--watch takes --workdir, its newest checkpoints and the memory as trained"
        )
    from kpp_tf.evaluation import runs
    from kpp_tf.training import checkpoints, strategies
    from kpp_tf.training.checkpoint_watch import watch

    strategy = strategies.make_strategy(STRATEGY.value, NUM_CPUS.value, TPU.value)
    if not WATCH.value:
        with strategy.scope():
            model, config = runs.load_model(
                WORKDIR.value,
                PRETRAINED.value,
                EMA.value,
                WHICH.value,
                MEMORY_SIZE.value,
            )
        _evaluate(model, config, strategy)
        return 0
    model = None
    for checkpoint in watch(WORKDIR.value):
        if model is None:
            with strategy.scope():
                model, config = runs.load_model(WORKDIR.value, None)
        checkpoints.load_weights(checkpoint, model, EMA.value)
        step = checkpoints.checkpoint_step(checkpoint)
        _evaluate(model, config, strategy, step=step)
    return 0


def _evaluate(model, config, strategy, **about) -> None:
    import tensorflow as tf
    from rich.progress import Progress

    from kpp_tf import provenance
    from kpp_tf.evaluation import bounds, quantization, runs
    from kpp_tf.report.results import write
    from kpp_tf.training import strategies
    from kpp_tf.training.replicated_model import ReplicatedModel

    length = LENGTH.value or config.data.episode_length
    config.data.episode_length = length
    split = SPLIT.value or config.data.test_split
    dataset = runs.test_episodes(config, split, DATA_DIR.value)
    samples = (
        config.eval.num_samples if NUM_SAMPLES.value is None else NUM_SAMPLES.value
    )
    dtype, transform = MEMORY_DTYPE.value, None
    if dtype != "float32":
        transform = functools.partial(quantization.store, dtype=dtype)
    blank = model.write(tf.zeros([1, length, *model.image_shape]))
    with Progress() as progress:
        task = progress.add_task("evaluating", total=int(dataset.cardinality()))
        results = bounds.evaluate(
            ReplicatedModel(model, strategy),
            dataset,
            num_samples=samples,
            swapped=SWAPPED.value,
            memory_transform=transform,
            progress=lambda: progress.advance(task),
        )
    results = {
        **about,
        "data": config.data.name,
        "model": config.model.name,
        "pretrained": PRETRAINED.value,
        "split": split,
        "episode_length": length,
        "trained_episode_length": model.episode_length,
        "resized_memory": MEMORY_SIZE.value,
        "memory_dtype": dtype,
        "memory_floats_per_image": model.memory_floats / length,
        "memory_bits_per_image": quantization.stored_bits(blank, dtype) / length,
        "eval_seed": config.eval.seed,
        "num_samples": samples,
        "parameters": model.count_params(),
        **provenance.of_command(sys.argv),
        **results,
    }
    if not strategies.is_chief(strategy):
        return
    print(json.dumps(results, indent=1))
    if JSON.value:
        write(JSON.value, results)


if __name__ == "__main__":
    app.run(main)

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
import sys

from absl import flags

from kpp_tf import cli
from kpp_tf.errors import UserError

MODEL = cli.ModelFlags()
DATA = cli.DataFlags()
LENGTH = flags.DEFINE_integer(
    "episode_length", 0, "T; 0 takes the one that the model was trained with."
)
NUM_SAMPLES = flags.DEFINE_integer(
    "num_samples", None, "Of the importance-weighted bound; 0 leaves it out."
)
SWAPPED = flags.DEFINE_bool("swapped", True, "Whether to score swapped memories too.")
MEMORY_DTYPE = flags.DEFINE_enum(
    "memory_dtype",
    "float32",
    ["float32", "bfloat16", "int8", "int4"],
    "What the memory is stored as between writing and reading.",
)
WATCH = flags.DEFINE_bool(
    "watch", False, "Evaluate each new checkpoint of --workdir until its run ends."
)
DEVICES = cli.StrategyFlags()
JSON = flags.DEFINE_string(
    "json", None, "File to write the numbers to; with --watch the latest."
)


def main() -> int:
    """Evaluates; returns the exit code."""
    as_trained = MODEL.which.value == "newest" and not MODEL.memory_size.value
    if WATCH.value and (MODEL.workdir.value is None or not as_trained):
        raise UserError(
            "--watch takes --workdir, its newest checkpoints and the memory as trained"
        )
    if not WATCH.value:
        MODEL.check()
    strategy = DEVICES.make()
    from kpp_tf.training import checkpoints
    from kpp_tf.training.checkpoint_watch import watch

    if not WATCH.value:
        with strategy.scope():
            model, config = MODEL.load()
        _evaluate(model, config, strategy)
        return 0
    model = None
    for checkpoint in watch(MODEL.workdir.value):
        if model is None:
            with strategy.scope():
                model, config = MODEL.load()
        checkpoints.load_weights(checkpoint, model, MODEL.ema.value)
        step = checkpoints.checkpoint_step(checkpoint)
        _evaluate(model, config, strategy, step=step)
    return 0


def _evaluate(model, config, strategy, **about) -> None:
    import tensorflow as tf
    from rich.progress import Progress

    from kpp_tf import provenance
    from kpp_tf.evaluation import bounds, quantization
    from kpp_tf.report.results import write
    from kpp_tf.training import strategies
    from kpp_tf.training.replicated_model import ReplicatedModel

    length = LENGTH.value or config.data.episode_length
    config.data.episode_length = length
    split = DATA.split.value or config.data.test_split
    dataset = DATA.episodes(config)
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
        "pretrained": MODEL.pretrained.value,
        "split": split,
        "episode_length": length,
        "trained_episode_length": model.episode_length,
        "resized_memory": MODEL.memory_size.value,
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
    cli.run(main)

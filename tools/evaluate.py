r"""Evaluates a model on every image of a split.

    python tools/evaluate.py --workdir=runs/glyphs
    python tools/evaluate.py --pretrained=binarized_mnist --data_dir=/data/tfds \
        --num_samples=16 --json=bound.json

Prints, in nats an image, the bound of -ln p(X|M) (lower is better) with its standard
error and its terms; bits/dim; the importance-weighted bound; and the bound with the
memories swapped between episodes, which shows how much is read from the memory. The
memory is written from the very images that are scored.

With --watch it waits beside a training run and evaluates each new checkpoint.
"""

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
NUM_SAMPLES = flags.DEFINE_integer(
    "num_samples", None, "Of the importance-weighted bound; 0 leaves it out."
)
SWAPPED = flags.DEFINE_bool("swapped", True, "Whether to score swapped memories too.")
EMA = flags.DEFINE_bool("ema", True, "Take the weights' average, where there is one.")
WHICH = flags.DEFINE_enum("which", "newest", ["newest", "best"], "Checkpoint to take.")
JSON = flags.DEFINE_string("json", None, "File to write the numbers to.")


def main(argv: list[str]) -> int:
    """Evaluates; returns the exit code."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected flags only. Received: {argv[1:]}")
    from rich.progress import Progress

    from kpp_tf.evaluation import bounds, runs
    from kpp_tf.training.workdirs import write_json

    model, config = runs.load_model(
        WORKDIR.value, PRETRAINED.value, EMA.value, WHICH.value
    )
    if LENGTH.value:
        config.data.episode_length = LENGTH.value
    split = SPLIT.value or config.data.test_split
    dataset = runs.test_episodes(config, split, DATA_DIR.value)
    samples = (
        config.eval.num_samples if NUM_SAMPLES.value is None else NUM_SAMPLES.value
    )
    with Progress() as progress:
        task = progress.add_task("evaluating", total=int(dataset.cardinality()))
        results = bounds.evaluate(
            model,
            dataset,
            num_samples=samples,
            swapped=SWAPPED.value,
            progress=lambda: progress.advance(task),
        )
    results = {
        "data": config.data.name,
        "model": config.model.name,
        "split": split,
        "episode_length": config.data.episode_length,
        "eval_seed": config.eval.seed,
        "num_samples": samples,
        "memory_floats_per_image": model.memory_floats / config.data.episode_length,
        "parameters": model.count_params(),
        **results,
    }
    print(json.dumps(results, indent=1))
    if JSON.value:
        from pathlib import Path

        write_json(Path(JSON.value), results)
        print(f"Wrote {JSON.value}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    app.run(main)

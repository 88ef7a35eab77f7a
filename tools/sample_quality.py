r"""Measures the samples of a model: are they good, are they new, are paths smooth?

    python tools/sample_quality.py --workdir=runs/glyphs
    python tools/sample_quality.py --pretrained=binarized_mnist --data_dir=DIR \
        --json=runs/quality.json

A bound can be won by a memory that merely stores. Beside it, this prints Frechet
distances (in the features of a small classifier, trained here in a minute and kept in
--classifiers) of samples from p(Y) to held-out images and to the written ones, before
and after iterative inference; novelty, the distance of samples to the nearest written
frame (0 for copies); and how evenly the image changes along a path of keys. Half of
the test episodes are written, the other half held out.
"""

import json
import sys

from absl import flags

from kpp_tf import cli

MODEL = cli.ModelFlags()
DATA = cli.DataFlags()
CLASSIFIERS = flags.DEFINE_string(
    "classifiers", "runs/classifiers", "Folder that classifiers are kept in."
)
STEPS = flags.DEFINE_integer("steps", 1500, "Training steps of the classifier.", 1)
ITERATIONS = flags.DEFINE_integer("iterations", 5, "Of iterative inference.", 0)
BATCHES = flags.DEFINE_integer("batches", 0, "Batches of episodes; 0 takes all.", 0)
JSON = flags.DEFINE_string("json", None, "File to write the numbers to.")


def main() -> int:
    """Measures; returns the exit code."""
    model, config = MODEL.load()
    from rich.progress import Progress

    from kpp_tf import provenance
    from kpp_tf.evaluation import features, sample_quality
    from kpp_tf.report.results import write

    space = features.load_or_train(
        config.data,
        CLASSIFIERS.value,
        DATA.data_dir.value,
        steps=STEPS.value,
        progress=lambda line: print(line, file=sys.stderr),
    )
    dataset = DATA.episodes(config)
    if BATCHES.value:
        dataset = dataset.take(BATCHES.value)
    with Progress() as progress:
        task = progress.add_task("sampling", total=int(dataset.cardinality()))
        measured = sample_quality.measure(
            model, dataset, space, ITERATIONS.value, lambda: progress.advance(task)
        )
    results = {
        "data": config.data.name,
        "model": config.model.name,
        "pretrained": MODEL.pretrained.value,
        "split": DATA.split.value or config.data.test_split,
        "iterations": ITERATIONS.value,
        "eval_seed": config.eval.seed,
        "classifier": {**space.about, "accuracy": space.accuracy},
        **provenance.of_command(sys.argv),
        **measured,
    }
    print(json.dumps(results, indent=1))
    if JSON.value:
        write(JSON.value, results)
    return 0


if __name__ == "__main__":
    cli.run(main)

r"""Measures all that counts of a model, and writes it as one JSON.

    python tools/evaluate.py --workdir=runs/glyphs
    python tools/evaluate.py --pretrained=binarized_mnist --data_dir=DIR \
        --json=results/kpp/binarized_mnist.json
    python tools/evaluate.py --pretrained=binarized_mnist --data_dir=DIR \
        --quantities=stored,unseen --episode_length=64 --memory_size=8
    python tools/evaluate.py --pretrained=binarized_mnist --data_dir=DIR \
        --quantities=importance_weighted --num_samples=1000 --batches=4
    python tools/evaluate.py --pretrained=few_shot_omniglot --data_dir=DIR \
        --quantities=few_shot --num_samples=1000

Bounds are of -ln p(x given M), lower is better: `stored`, x among the images that M was
written from; `unseen`, not among them; `predictive`, x_t under a memory of x_<t, with
its curve over t; `swapped`, under another episode's memory. `nudge`: what a small move
of a key leads to; `scale_sweep`: what the scale of a key does; `samples`: are they good
and new; `attractor`: iterative inference from damaged images; `rate`: the stored bound
against the bits of the memory, beside codes without a network; `importance_weighted`;
`few_shot`, of data whose episodes are of one class: the curve over the images seen,
with and without copies among them, beside the published ones.

With --watch it waits beside a training run, measures each new checkpoint, and ends with
the run.
"""

import functools
import json
import sys
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict

from kpp_tf import cli
from kpp_tf.errors import UserError

MODEL = cli.ModelFlags()
DATA = cli.DataFlags()
QUANTITIES = flags.DEFINE_list(
    "quantities", None, "Which to measure, as named above; default: all."
)
LENGTH = flags.DEFINE_integer(
    "episode_length", 0, "T; 0 takes the one that the model was trained with.", 0
)
NUM_SAMPLES = flags.DEFINE_integer(
    "num_samples", None, "N of the importance-weighted bounds.", 1
)
BATCHES = flags.DEFINE_integer(
    "batches",
    0,
    "Batches of episodes for importance_weighted, nudge, scale_sweep, samples, "
    "attractor and few_shot; 0 takes all.",
    0,
)
CLASSIFIERS = flags.DEFINE_string(
    "classifiers", "runs/classifiers", "Folder that classifiers are kept in."
)
WATCH = flags.DEFINE_bool(
    "watch", False, "Measure each new checkpoint of --workdir until its run ends."
)
DEVICES = cli.StrategyFlags()
JSON = flags.DEFINE_string(
    "json", None, "File to write the numbers to; with --watch the latest."
)


def main() -> int:
    """Measures; returns the exit code."""
    as_trained = MODEL.which.value == "newest" and not MODEL.memory_size.value
    watched = MODEL.workdir.value if WATCH.value else None
    if WATCH.value and (watched is None or not as_trained):
        raise UserError(
            "--watch takes --workdir, its newest checkpoints and the memory as trained"
        )
    if watched is None:
        MODEL.check()
    strategy = DEVICES.make()
    from kpp_tf.training import checkpoints
    from kpp_tf.training.checkpoint_watch import watch

    if watched is None:
        with strategy.scope():
            model, config = MODEL.load()
        _measure(model, config, strategy)
        return 0
    model = None
    for checkpoint in watch(watched):
        if model is None:
            with strategy.scope():
                model, config = MODEL.load()
        checkpoints.load_weights(checkpoint, model, MODEL.ema.value)
        _measure(model, config, strategy, checkpoint)
    return 0


def _measure(model, config, strategy, checkpoint=None) -> None:
    from kpp_tf import provenance
    from kpp_tf.data import load_images
    from kpp_tf.evaluation import measure
    from kpp_tf.models import capacity
    from kpp_tf.report import class_curves
    from kpp_tf.report.results import write
    from kpp_tf.training import strategies
    from kpp_tf.training.replicated_model import ReplicatedModel

    quantities = QUANTITIES.value or measure.QUANTITIES
    unknown = sorted(set(quantities) - set(measure.QUANTITIES))
    if unknown:
        raise UserError(
            f"--quantities takes {', '.join(measure.QUANTITIES)}. Received: {unknown}"
        )
    length = LENGTH.value or config.data.episode_length
    config.data.episode_length = length
    split = DATA.split.value or config.data.test_split
    warning = capacity.warning(model, length)
    if warning:
        _say(warning)
    train = table = space = None
    if "rate" in quantities:
        train = load_images(config.data, config.data.train_split, DATA.data_dir.value)
        table = load_images(config.data, split, DATA.data_dir.value)
    if measure.OF_A_CLASSIFIER & set(quantities):
        space = _classifier(config)
    episodes = DATA.episodes(config)
    of_a_class = config.data.grouping == "class"
    results = {
        "data": config.data.name,
        "model": config.model.name,
        "pretrained": MODEL.pretrained.value and Path(MODEL.pretrained.value).name,
        "split": split,
        "episode_length": length,
        "trained_episode_length": model.episode_length,
        "resized_memory": MODEL.memory_size.value,
        "memory_dtype": "float32",
        "seed": config.seed,
        "eval_seed": config.eval.seed,
        "parameters": model.count_params(),
        **_training(config, model.episode_length, checkpoint),
        "command": provenance.portable_command(sys.argv),
        "git_revision": provenance.git_revision(),
        **measure.measure(
            model,
            measure.Material(
                episodes,
                few=episodes.take(BATCHES.value) if BATCHES.value else episodes,
                length=length,
                train=train,
                split=table,
                space=space,
                num_samples=NUM_SAMPLES.value or config.eval.num_samples,
                classes=functools.partial(_of_a_class, config) if of_a_class else None,
                scored=ReplicatedModel(model, strategy),
            ),
            quantities,
            say=lambda name: _say(f"measuring {name}"),
        ),
    }
    if not strategies.is_chief(strategy):
        return
    print(json.dumps(results, indent=1))
    if results.get("few_shot"):
        name = str(MODEL.pretrained.value or MODEL.workdir.value)
        print(class_curves.curves({name: results["few_shot"]}))
    if JSON.value:
        write(JSON.value, results)


def _of_a_class(config, replacement: bool, partition: int):
    """Episodes of one class each: one of many ways to cut the split into them."""
    config = ConfigDict(config)
    config.data.replacement = replacement
    config.eval.seed += partition
    episodes = DATA.episodes(config)
    return episodes.take(BATCHES.value) if BATCHES.value else episodes


def _classifier(config):
    """The feature space, or None where the data has no labels to train it with."""
    from kpp_tf.evaluation import features

    try:
        return features.load_or_train(
            config.data, CLASSIFIERS.value, DATA.data_dir.value, progress=_say
        )
    except UserError as error:
        _say(f"nudge and samples need a classifier, and stay out: {error}")
        return None


def _training(config, trained_length, checkpoint) -> dict:
    """What is known of how the weights came about."""
    import shlex

    from kpp_tf import files, pretrained, provenance
    from kpp_tf.training import checkpoints, workdirs

    steps = config.train.steps  # a pretrained model is that of a finished run
    summary = {}
    if MODEL.pretrained.value is not None:
        folder = pretrained.find(MODEL.pretrained.value)
        summary = files.read_json(folder / pretrained.METADATA).get("training", {})
    if MODEL.workdir.value is not None:
        folder = Path(MODEL.workdir.value)
        if checkpoint is None:
            kind = {"newest": checkpoints.FOLDER, "best": checkpoints.BEST_FOLDER}
            found = checkpoints.whole_checkpoints(folder / kind[MODEL.which.value])
            checkpoint = next(found)
        steps = checkpoints.checkpoint_step(checkpoint)
        if (folder / workdirs.SUMMARY).exists():
            summary = files.read_json(folder / workdirs.SUMMARY, "command", "seconds")
    about = {}
    if "command" in summary:
        command = shlex.split(summary["command"])
        about["train_command"] = provenance.portable_command(command)
    if "seconds" in summary:
        about["hours"] = round(summary["seconds"] / 3600, 2)
    images = steps * config.data.episodes_per_batch * trained_length
    return {"step": steps, "images_seen": images, **about}


def _say(line: str) -> None:
    print(f"evaluate: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    cli.run(main)

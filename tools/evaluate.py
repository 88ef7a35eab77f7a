r"""Measures a model, and writes all quantities to one JSON.

    python tools/evaluate.py --workdir=runs/glyphs
    python tools/evaluate.py --preset=binarized_mnist --data_dir=DIR \
        --json=results/kpp/binarized_mnist.json
    python tools/evaluate.py --preset=binarized_mnist --data_dir=DIR \
        --quantities=stored,unseen --episode_length=64 --memory_size=8
    python tools/evaluate.py --preset=binarized_mnist --data_dir=DIR \
        --quantities=importance_weighted --num_samples=1000 --batches=4
    python tools/evaluate.py --preset=few_shot_omniglot --data_dir=DIR \
        --quantities=few_shot --num_samples=1000

Bounds are of -ln p(x given M), lower is better: `stored`, x among the images that M was
written from; `unseen`, not among them; `empty`, M with nothing written: the control of
`unseen`; `held_curve`, unseen by how many images M holds; `predictive`, x_t under a
memory of x_<t, with its curve over t; `swapped`, under another episode's memory.

`nudge`: what a small move of a key reads; `scale_sweep`: what the scale of a key does;
`window_sweep`: classes of what windows about an image draw, best with
--episode_length=1000 --memory_size=34; `large_memory`: one memory of 32 to 60,000
images of the split, its bound, what is found again under noise, milliseconds and bytes;
`samples`: whether they are good and new; `attractor`: iterative inference from damaged
images; `rate`: the stored bound against the bits of the memory, beside codes without a
network; `importance_weighted` bounds; `few_shot`, for data whose episodes are of one
class: the curve over the images seen, with and without copies among them.

With --json each quantity is written as soon as it is measured. The same command goes on
with the missing ones; quantities can be added if weights, settings and commit are the
same. With --watch it measures each new checkpoint of a training run until the run ends.
"""

import functools
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags
from ml_collections import ConfigDict

from kpp_tf import cli, files
from kpp_tf.errors import UserError

if TYPE_CHECKING:
    import tensorflow as tf

    from kpp_tf.evaluation.batch_progress import WatchedBatches
    from kpp_tf.evaluation.features import FeatureSpace
    from kpp_tf.models import MemoryModel

MODEL = cli.ModelFlags()
DATA = cli.DataFlags()
QUANTITIES = flags.DEFINE_list(
    "quantities", None, "Which to measure, by the names above; default: all."
)
LENGTH = flags.DEFINE_integer(
    "episode_length", 0, "T; 0: the length that the model was trained with.", 0
)
NUM_SAMPLES = flags.DEFINE_integer(
    "num_samples", None, "N of the importance-weighted bounds.", 1
)
BATCHES = flags.DEFINE_integer(
    "batches",
    0,
    "Batches of episodes for importance_weighted, nudge, the sweeps, samples, "
    "attractor and few_shot; 0 takes all.",
    0,
)
CLASSIFIERS = flags.DEFINE_string(
    "classifiers",
    None,
    "Folder of trained classifiers; default: `classifiers` in the environment's "
    "KPP_CACHE_DIR, else in the platform's folder for caches.",
)
IMAGES = flags.DEFINE_string(
    "images", None, "Where the run's own images lie now, if they moved."
)
OTHER_IMAGES = flags.DEFINE_bool(
    "allow_other_images",
    False,
    "Measure unseen images although they are not of the data that the run saw.",
)
WATCH = flags.DEFINE_bool(
    "watch", False, "Measure each new checkpoint of --workdir until its run ends."
)
DEVICES = cli.StrategyFlags()
# They claim that training did not see the images.
UNSEEN = frozenset(
    {"unseen", "empty", "predictive", "held_curve", "importance_weighted", "few_shot"}
)
JSON = flags.DEFINE_string(
    "json", None, "File for the results; with --watch of the latest checkpoint."
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
    loaded: tuple[MemoryModel, ConfigDict] | None = None
    for checkpoint in watch(watched):
        if loaded is None:
            with strategy.scope():
                loaded = MODEL.load()
        model, config = loaded
        checkpoints.load_weights(checkpoint, model, MODEL.ema.value)
        _measure(model, config, strategy, checkpoint)
    return 0


def _measure(
    model: "MemoryModel",
    config: ConfigDict,
    strategy: "tf.distribute.Strategy",
    checkpoint: Path | None = None,
) -> None:
    from kpp_tf.data import load_images
    from kpp_tf.data.own.fingerprint import kept_name
    from kpp_tf.evaluation import measure
    from kpp_tf.evaluation.batch_progress import WatchedBatches
    from kpp_tf.models.kanerva_plus_plus import capacity
    from kpp_tf.report import class_curves
    from kpp_tf.training.devices import strategies
    from kpp_tf.training.devices.replicated_model import ReplicatedModel

    quantities = list(QUANTITIES.value or measure.QUANTITIES)
    if IMAGES.value is not None:
        config.data.name = kept_name(IMAGES.value)
    if MODEL.workdir.value is not None:
        _check_images(config, set(quantities))
    length = LENGTH.value or config.data.episode_length
    config.data.episode_length = length
    chief = strategies.is_chief(strategy)
    about = _about(model, config, checkpoint)
    earlier = {} if checkpoint else _earlier(about, quantities)
    strategies.wait_for_all(strategy)  # before the chief writes the file again
    warning = capacity.warning(model, length)
    if warning:
        _say(warning)
    episodes = DATA.episodes(config)
    few = episodes.take(BATCHES.value) if BATCHES.value else episodes
    material = measure.Material(
        episodes,
        few,
        length,
        num_samples=about["num_samples"],
        scored=ReplicatedModel(model, strategy),
    )
    for name, wanted in measure.impossible(material, quantities).items():
        if QUANTITIES.value:
            raise UserError(
                f"{name} takes {wanted}; raise --batches or leave it out. Received: "
                f"--quantities={','.join(quantities)} --batches={BATCHES.value}"
            )
        _say(f"{name} is left out: it takes {wanted}")
        quantities.remove(name)
    missing = set(quantities) - set(earlier)
    if missing & measure.OF_A_CLASSIFIER:
        material = material._replace(space=_classifier(config))
    if missing & measure.OF_TABLES:
        material = material._replace(
            train=load_images(
                config.data, config.data.train_split, DATA.data_dir.value
            ),
            split=load_images(config.data, about["split"], DATA.data_dir.value),
        )
    watched = [WatchedBatches(part, visible=chief) for part in (episodes, few)]
    if config.data.grouping == "class":
        material = material._replace(
            classes=functools.partial(_of_a_class, config, chief)
        )

    def say(name: str) -> None:
        _say(f"measuring {name}")
        for part in watched:
            part.title = name

    results: dict[str, Any] = {}
    try:
        for found in measure.measure(
            model,
            material._replace(episodes=watched[0], few=watched[1]),
            quantities,
            say,
            earlier,
        ):
            results = {**found, **about, **_commands(earlier, found)}
            if JSON.value and chief and any(name in found for name in quantities):
                files.write_json(JSON.value, results)
    finally:
        if chief and results:
            print(json.dumps(results, indent=1))
    if chief and results.get("few_shot"):
        name = str(MODEL.preset.value or MODEL.workdir.value)
        print(class_curves.curves({name: results["few_shot"]}))
    if chief and JSON.value:
        _say(f"Wrote {JSON.value}")


def _about(
    model: "MemoryModel", config: ConfigDict, checkpoint: Path | None
) -> dict[str, Any]:
    """What is measured, and how: a file of results is of one of these."""
    from kpp_tf import provenance

    return {
        "data": config.data.name,
        "model": config.model.name,
        "pretrained": MODEL.preset.value and Path(MODEL.preset.value).name,
        "split": DATA.split.value or config.data.test_split,
        "episode_length": config.data.episode_length,
        "trained_episode_length": model.episode_length,
        "resized_memory": MODEL.memory_size.value,
        "memory_dtype": "float32",
        "seed": config.seed,
        "eval_seed": config.eval.seed,
        "num_samples": NUM_SAMPLES.value or config.eval.num_samples,
        "batches": BATCHES.value,
        "parameters": model.count_params(),
        "weights": provenance.weights_hash(model),
        **_training(config, model.episode_length, checkpoint),
        "git_revision": provenance.git_revision(),
    }


def _check_images(config: ConfigDict, quantities: set[str]) -> None:
    """Refuses figures of unseen images where the run may have seen them."""
    from kpp_tf.training import run_data

    workdir = str(MODEL.workdir.value)
    other = run_data.differences(workdir, config, DATA.data_dir.value)
    unseen = sorted(quantities & UNSEEN)
    if other and unseen and not OTHER_IMAGES.value:
        raise UserError(
            "the run saw other images, so that these may be among them. "
            f"--allow_other_images measures {', '.join(unseen)} nevertheless, "
            f"--quantities=stored what does not depend on it. Received: {other}"
        )
    if other:
        _say(f"WARNING: these are not the images that the run saw: {other}")


def _earlier(about: dict[str, Any], quantities: Sequence[str]) -> dict[str, Any]:
    """What --json holds of the same model, measured in the same way; {}: no file.

    Raises:
      UserError: if the file is of another model or of other settings.
    """
    if not JSON.value or not Path(JSON.value).exists():
        return {}
    found = files.read_json(JSON.value)
    differing = [
        f"{name} is {found.get(name)!r} there, {value!r} here"
        for name, value in about.items()
        if found.get(name) != value
    ]
    if differing:
        raise UserError(
            "the file holds results of other weights or settings; move it away or "
            f"name another. Received: --json={JSON.value}, where "
            f"{'; '.join(differing)}"
        )
    done = [name for name in quantities if name in found]
    if done:
        _say(f"{JSON.value} has {', '.join(done)}; move it away to measure again.")
    return found


def _commands(earlier: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """The first command that wrote these results, and those that added to them."""
    from kpp_tf import provenance
    from kpp_tf.evaluation.measure import QUANTITIES as NAMES

    command = provenance.portable_command(sys.argv)
    first = earlier.get("command", command)
    added = dict(earlier.get("added_by", {}))
    if command != first:
        new = [name for name in NAMES if name in found and name not in earlier]
        added.update(dict.fromkeys(new, command))
    return {"command": first, **({"added_by": added} if added else {})}


def _of_a_class(
    config: ConfigDict, visible: bool, replacement: bool, partition: int
) -> "WatchedBatches":
    """Episodes of one class each: one of many ways to cut the split into them."""
    from kpp_tf.evaluation.batch_progress import WatchedBatches

    config = ConfigDict(config)
    config.data.replacement = replacement
    config.eval.seed += partition
    episodes = DATA.episodes(config)
    few = episodes.take(BATCHES.value) if BATCHES.value else episodes
    return WatchedBatches(few, "few_shot", visible)


def _classifier(config: ConfigDict) -> "FeatureSpace | None":
    """The feature space, or None where the data has no labels to train it with."""
    from kpp_tf.evaluation import features

    folder = CLASSIFIERS.value or files.cache_folder() / "classifiers"
    try:
        return features.load_or_train(
            config.data, folder, DATA.data_dir.value, progress=_say
        )
    except UserError as error:
        _say(
            "nudge, window_sweep and samples need a classifier, and are left out: "
            f"{error}"
        )
        return None


def _training(
    config: ConfigDict, trained_length: int, checkpoint: Path | None
) -> dict[str, Any]:
    """How the weights were trained, as far as it is recorded."""
    import shlex

    from kpp_tf import pretrained, provenance
    from kpp_tf.training import checkpoints, workdirs

    steps = config.train.steps  # a pretrained model is from a finished run
    summary: dict[str, Any] = {}
    if MODEL.preset.value is not None:
        folder = pretrained.find(MODEL.preset.value)
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
    about: dict[str, Any] = {}
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

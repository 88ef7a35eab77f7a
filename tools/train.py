r"""Trains a model, and exports it for serving.

    python tools/train.py --config=configs/glyphs.py --workdir=runs/glyphs
    python tools/train.py --config=configs/binarized_mnist.py \
        --config.train.steps=20000 --config.data.augment="('shift',)" \
        --workdir=runs/mnist --data_dir=/data/tfds

    python tools/train.py --config=configs/glyphs.py --workdir=runs/two \
        --strategy=mirrored --num_cpus=2

    python tools/train.py --config=configs/binarized_mnist.py --workdir=runs/mine \
        --init_from=binarized_mnist --config.data.name=PICTURES \
        --config.data.binarize=fixed --config.train.kl_warmup_steps=0

The same command goes on with a stopped run, from its newest checkpoint. The work
directory holds config.json, metrics.csv (nats per image), tensorboard/, checkpoints/,
best/ (with config.data.validation_split) and, at the end, summary.json and exported/,
versions of a SavedModel for TF Serving (docs/serving.md). config_changes.json records
changes of the config between two starts, data.json which own images the run saw.
docs/distributed.md explains training on several machines.

Exit codes: 0 the run is complete; 1 an error, which is printed; 3 the loss diverged;
130 or 143 the run was stopped by Ctrl-C or SIGTERM, and has saved; 144 another worker
went away. After 130, 143 and 144 the same command (on all workers) goes on.
"""

import os
import sys
from pathlib import Path

from absl import flags

from kpp_tf import cli

CONFIG = cli.define_config()
WORKDIR = flags.DEFINE_string("workdir", None, "Folder of this run.", required=True)
DATA_DIR = cli.define_data_dir()
DEVICES = cli.StrategyFlags()
ROLLBACKS = flags.DEFINE_integer(
    "rollbacks",
    0,
    "How often to return to the last checkpoint after divergence and pass over the "
    "batches since; 0 stops instead.",
    lower_bound=0,
)
PROFILE_AT = flags.DEFINE_integer(
    "profile_at", 0, "Profile the first loop from this step on, for TensorBoard."
)
TENSORBOARD = flags.DEFINE_bool("tensorboard", True, "Write TensorBoard files.")
INIT_FROM = flags.DEFINE_string(
    "init_from",
    None,
    "A pretrained model's name or a run's folder, to start from its weights; the "
    "architecture must be the same. A run that goes on keeps its own weights.",
)
IMAGES = flags.DEFINE_string(
    "images",
    None,
    "Where the run's own images lie, in place of config.data.name: after they moved.",
)
EXPORT = flags.DEFINE_bool(
    "export", True, "Export a kanerva_plus_plus for serving at the end."
)
EXPORT_DIR = flags.DEFINE_string(
    "export_dir", None, "Folder of exported versions; default: <workdir>/exported."
)

EXIT_DIVERGED, EXIT_WORKER_LOST = 3, 144


def main() -> int:
    """Trains; returns the exit code."""
    cli.start_tensorflow()
    from kpp_tf.training import failures, stopping

    try:
        return _train()
    except stopping.Stopped as stopped:
        print(f"{stopped} The same command goes on.", file=sys.stderr)
        return stopped.exit_code
    except failures.Diverged as diverged:
        print(diverged, file=sys.stderr)
        return EXIT_DIVERGED
    except failures.WorkerLost as lost:
        print(lost, file=sys.stderr, flush=True)
        # A usual exit would wait for the worker that went away.
        os._exit(EXIT_WORKER_LOST)


def _train() -> int:
    from kpp_tf.data import load_scored
    from kpp_tf.data.own.fingerprint import kept_name
    from kpp_tf.training import run_data, workdirs
    from kpp_tf.training.controller import Controller, Options
    from kpp_tf.training.devices import precision, strategies
    from kpp_tf.training.trainer import Trainer

    config = CONFIG.value
    data, folder = config.data, DATA_DIR.value
    data.name = kept_name(IMAGES.value or data.name)
    strategy = DEVICES.make()
    precision.warn_if_slow(config.train.precision)
    workdirs.check(WORKDIR.value, config)
    run_data.check(WORKDIR.value, config, folder, told=IMAGES.value is not None)
    validation = None
    if data.validation_split:
        validation = load_scored(config, data.validation_split, folder)
    test = load_scored(config, data.test_split, folder)
    trainer = Trainer(config, load_scored(config, data.train_split, folder), strategy)
    if INIT_FROM.value is not None:
        trainer.start_from(cli.load_model(INIT_FROM.value)[0])
    options = Options(ROLLBACKS.value, PROFILE_AT.value, TENSORBOARD.value)
    chief = strategies.is_chief(strategy)
    with workdirs.opened(WORKDIR.value, writes=chief) as workdir:
        controller = Controller(trainer, workdir, test, validation, options)
        first_step = trainer.step
        if chief:
            run_data.keep(workdir, config, folder, first_step)
        results = controller.run()
        if chief:
            workdirs.write_summary(
                workdir,
                config,
                trainer.model,
                results,
                strategies.device_name(strategy),
                sys.argv,
            )
            exported = None
            if EXPORT.value:
                exported = _export(workdir, made_steps=trainer.step > first_step)
            print(
                f"Trained to step {trainer.step:,}; {data.test_split} bound "
                f"{results['bound']:.2f} nats/image, {results['bits_per_dim']:.3f} "
                f"bits/dim.\nWrote {workdir}: {', '.join(_written(workdir))}"
                + (f"; {exported}: a SavedModel, checked" if exported else ""),
                file=sys.stderr,
            )
    strategies.wait_for_all(strategy)
    return 0


def _written(workdir: Path) -> list[str]:
    """The files and folders of a run, the summary first."""
    from kpp_tf.training import workdirs

    names = (path.name + "/" * path.is_dir() for path in workdir.iterdir())
    hidden = ("lock", "exported/")
    found = sorted(name for name in names if name not in hidden)
    return sorted(found, key=lambda name: name != workdirs.SUMMARY)


def _export(workdir: Path, made_steps: bool) -> Path | None:
    """The version that holds the run's newest weights; exports them if none does."""
    from kpp_tf.models import KanervaPlusPlus
    from kpp_tf.serving import saved_model, warmup
    from kpp_tf.training import checkpoints

    folder = Path(EXPORT_DIR.value or workdir / "exported")
    versions = saved_model.versions(folder)
    if versions and not made_steps:
        return folder / str(versions[-1])
    model, config = checkpoints.load_model(workdir)
    if not isinstance(model, KanervaPlusPlus):
        return None  # only a KanervaPlusPlus has signatures
    path, _ = saved_model.export(
        model, folder, config.model.name, warm_up=warmup.has_extra()
    )
    return Path(path)


if __name__ == "__main__":
    flags.mark_flag_as_required("config")
    cli.run(main)

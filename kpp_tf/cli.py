"""What the programs of tools/ share: flags, start and end, one line for an error.

A program defines its flags, then calls `run(main)`. Importing this module does not
import TensorFlow, so that `--help` answers at once.
"""

from __future__ import annotations

import ast
import contextlib
import errno
import io
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import ml_collections
from absl import app, flags, logging
from ml_collections import config_flags

from kpp_tf import pretrained, provenance, validation
from kpp_tf.config import read
from kpp_tf.errors import UserError

if TYPE_CHECKING:
    import tensorflow as tf

    from kpp_tf.models import MemoryModel

_PACKAGE = Path(__file__).resolve().parent


def beside_package(name: str) -> Path:
    """A folder that lies beside the package in the source, inside it in a wheel."""
    places = (_PACKAGE / name, _PACKAGE.parent / name)
    return next(folder for folder in places if folder.is_dir())


CONFIGS = beside_package("configs")

# Refusals of the operating system that a person can act on.
_REFUSALS = frozenset(
    getattr(errno, name)
    for name in """EACCES EDQUOT EEXIST EFBIG EISDIR ENAMETOOLONG ENOENT ENOSPC ENOTDIR
    ENOTEMPTY EPERM EROFS""".split()
)

# A flag defined by a function of this module is the program's that calls it.
flags.disclaim_key_flags()


def run(main: Callable[..., int | None], arguments: bool = False) -> NoReturn:
    """Parses the flags, calls `main` and exits with what it returns.

    A `UserError`, or a file that the system refuses, becomes one line on stderr and
    exit code 1; Ctrl-C becomes one line and 130. Other exceptions are bugs, and keep
    their traceback.

    Args:
      main: the program's main function.
      arguments: whether `main` takes the list of arguments that are not flags. If not,
        such arguments are refused.
    """

    def call(argv: list[str]) -> int | None:
        if arguments:
            return main(argv[1:])
        if len(argv) > 1:
            raise UserError(
                f"flags only, which start with '--'. Received: {' '.join(argv[1:])}"
            )
        return main()

    try:
        app.run(call, flags_parser=_parse)
    except KeyboardInterrupt:
        _leave("interrupted", 130)
    except BrokenPipeError:
        # The reader, such as `head`, has closed the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (UserError, TimeoutError) as error:
        _leave(str(error), 1)
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        place = "" if error.filename is None else f"{error.filename}: "
        _leave(f"{place}{error.strerror}", 1)


def define_config(default: str | None = None) -> flags.FlagHolder:
    """Defines --config, the file of an experiment, and --list, which names them all.

    Args:
      default: name of a file of configs/, such as "glyphs"; None for no default.
    """
    flags.DEFINE_bool("list", False, "List the configs and presets, and stop.")
    return config_flags.DEFINE_config_file(
        "config",
        default and str(CONFIGS / f"{default}.py"),
        "A file of configs/ by its name, or any such file; --config.a.b=value "
        "overrides a field.",
    )


def define_data_dir() -> flags.FlagHolder:
    """Defines --data_dir, the folder of prepared data sets."""
    return flags.DEFINE_string(
        "data_dir",
        None,
        "Folder of prepared TFDS data sets; default: the environment's TFDS_DATA_DIR, "
        "else ~/tensorflow_datasets. Glyphs need none.",
    )


class DataFlags:
    """--data_dir and --split: the episodes that a model is tried on."""

    def __init__(self) -> None:
        self.data_dir = define_data_dir()
        self.split = flags.DEFINE_string(
            "split", None, "Of the data; config.data.test_split if not given."
        )

    @property
    def named(self) -> bool:
        """Whether the user names the data: by a flag or by the environment."""
        given = (
            self.data_dir.value or self.split.value or os.environ.get("TFDS_DATA_DIR")
        )
        return bool(given)

    def episodes(
        self, config: ml_collections.ConfigDict, preset: str | None = None
    ) -> tf.data.Dataset:
        """The fixed partition of the split into episodes, by `config.eval.seed`.

        Args:
          config: of the model.
          preset: whose example images are taken if the user names no data.

        Returns:
          A dataset of `Episodes`.
        """
        start_tensorflow()
        from kpp_tf.data import evaluation_episodes, load_scored

        examples = None if self.named or not preset else pretrained.examples(preset)
        split, batch = config.data.test_split, config.eval.episodes_per_batch
        if examples is not None:
            from kpp_tf import remember

            print(
                f"No data is named: the memories hold {preset}'s example images. "
                f"--data_dir=DIR takes the {split} images of {config.data.name}.",
                file=sys.stderr,
            )
            config = remember.of_preset(config, str(examples), steps=0)
            config.data.invert = False  # they are as the model takes them
            split, batch = remember.ALL, 1
        return evaluation_episodes(
            load_scored(config, self.split.value or split, self.data_dir.value),
            config.data,
            episodes_per_batch=batch,
            seed=config.eval.seed,
        )


def load_model(source: str) -> tuple[MemoryModel, ml_collections.ConfigDict]:
    """Loads a trained model.

    Args:
      source: a run's folder, or a preset as --preset takes it.

    Returns:
      (model, config).

    Raises:
      UserError: if there is neither, or it cannot be read.
    """
    start_tensorflow()
    from kpp_tf.models import load_preset
    from kpp_tf.training import checkpoints

    if (Path(source) / checkpoints.FOLDER).is_dir():
        return checkpoints.load_model(source)
    return load_preset(source)


class ModelFlags:
    """--workdir or --preset, which name a model, and how to take its weights.

    Args:
      required: whether one of the two must be given.
    """

    def __init__(self, required: bool = True) -> None:
        self.workdir = flags.DEFINE_string(
            "workdir", None, "Folder of a training run, to take its model."
        )
        self.preset = flags.DEFINE_string(
            "preset", None, "A preset: a name, a folder of one, or hf://user/name."
        )
        flags.DEFINE_alias("pretrained", "preset")  # its name before 0.1.0
        self.which = flags.DEFINE_enum(
            "which", "newest", ["newest", "best"], "Checkpoint of the run to take."
        )
        self.ema = flags.DEFINE_bool(
            "ema", True, "Take the weights' moving average, where the run has one."
        )
        self.memory_size = flags.DEFINE_integer(
            "memory_size",
            0,
            "S of the memory, in cells a side, with the same weights; 0 takes the size "
            "that the model was trained with.",
            lower_bound=0,
        )
        flags.mark_flags_as_mutual_exclusive(["workdir", "preset"], required)

    def check(self) -> None:
        """Refuses a folder that is no run, before TensorFlow's seconds of starting."""
        if self.workdir.value is not None:
            read(self.workdir.value)

    def load(self) -> tuple[MemoryModel, ml_collections.ConfigDict]:
        """Loads the model.

        Returns:
          (model, config).

        Raises:
          UserError: if it cannot be read, or its memory cannot have another size.
        """
        self.check()
        start_tensorflow()
        from kpp_tf.models import KanervaPlusPlus, load_preset
        from kpp_tf.training import checkpoints

        if self.preset.value is not None:
            model, config = load_preset(self.preset.value)
        else:
            assert self.workdir.value is not None, "one of the two is given"
            model, config = checkpoints.load_model(
                self.workdir.value, ema=self.ema.value, which=self.which.value
            )
        size = self.memory_size.value
        if not size:
            return model, config
        if not isinstance(model, KanervaPlusPlus):
            raise UserError(
                "only a kanerva_plus_plus can be given a memory of another size. "
                f"Received: --memory_size={size} for a {config.model.name}"
            )
        return model.resized(size), config


class StrategyFlags:
    """--strategy, --num_cpus and --tpu: the devices to compute on."""

    def __init__(self) -> None:
        self.strategy = flags.DEFINE_enum(
            "strategy",
            "one",
            validation.STRATEGIES,
            "One device; all GPUs of this machine (or --num_cpus); the workers of "
            "TF_CONFIG; a TPU.",
        )
        self.num_cpus = flags.DEFINE_integer(
            "num_cpus",
            0,
            "Logical CPU devices for --strategy=mirrored; 0 takes the GPUs.",
            lower_bound=0,
        )
        self.tpu = flags.DEFINE_string(
            "tpu", "", "Name or address of the TPU; '' finds it."
        )

    def make(self) -> tf.distribute.Strategy:
        """The strategy; to be made before anything is computed."""
        start_tensorflow()
        from kpp_tf.training.devices import strategies

        return strategies.make_strategy(
            self.strategy.value, self.num_cpus.value, self.tpu.value
        )


def start_tensorflow() -> None:
    """Imports TensorFlow without what its libraries print while they load.

    They print before TensorFlow reads its log level, so no setting silences them.
    --verbosity=0 shows them.
    """
    if "tensorflow" in sys.modules or flags.FLAGS.verbosity >= logging.INFO:
        return
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        import tensorflow  # noqa: F401
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _parse(argv: list[str]) -> list[str]:
    """Parses the flags; returns the other words, the program's name first."""
    before_dashes = argv[1 : argv.index("--")] if "--" in argv else argv[1:]
    if {"--help", "-help", "-h", "-?"} & set(before_dashes):
        print(_help(), end="")
        sys.exit(0)  # absl's own --help exits with 1
    if "list" in flags.FLAGS and "--list" in before_dashes:
        print(_list(), end="")
        sys.exit(0)
    try:
        rest = flags.FLAGS([_with_path(word) for word in argv])
    except flags.Error as error:
        raise UserError(f"{error} (--help shows the flags)") from error
    except AttributeError as error:
        # A field that no config has; an error in the person's own file is not ours.
        if (
            "ml_collections"
            not in traceback.extract_tb(error.__traceback__)[-1].filename
        ):
            raise
        raise UserError(f"the config has no such field. Received: {error}") from error
    for name in flags.FLAGS:
        flag = flags.FLAGS[name]
        blank = flag.value in ("", []) and flag.value != flag.default
        if blank and flag.present and not name.startswith("config"):
            raise UserError(f"--{name} must not be empty. Received: --{name}=")
    config = flags.FLAGS.config if "config" in flags.FLAGS else None
    if type(config).__name__ == "_ErrorConfig":
        name = config_flags.get_config_filename(flags.FLAGS["config"])
        raise UserError(
            "--config must name a file that can be read, or be one of "
            f"{sorted(path.stem for path in CONFIGS.glob('*.py'))}. Received: {name}"
        )
    if config is not None:
        validation.check(config)
    # absl's default is 0, which logs everything that goes well.
    if flags.FLAGS["verbosity"].using_default_value:
        logging.set_verbosity(logging.WARNING)
    # Programs report it themselves, with the flag that helps.
    warnings.filterwarnings("ignore", r"\d+ images do not fit a memory")
    # Whatever backend the user's own programs choose.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    # TensorFlow reads it when it is imported. What it logs as errors are remarks
    # (oneDNN has no int32, there is no GPU); real errors are exceptions.
    quiet = flags.FLAGS.verbosity < logging.INFO
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3" if quiet else "0")
    return rest


def _help() -> str:
    """The program's docstring and flags, which name programs as this one is started."""
    with contextlib.redirect_stdout(io.StringIO()) as text:
        app.usage(shorthelp=True, writeto_stdout=True)
    shown, command = text.getvalue(), provenance.installed_command(sys.argv[0])
    if command is None:
        return shown
    shown = shown.replace(sys.argv[0], command)
    shown = re.sub(
        r"(?:python )?\btools/(\w+)\.py",
        lambda match: f"kpp-{match[1].replace('_', '-')}",
        shown,
    )
    return re.sub(r"\bconfigs/(\w+)\.py", r"\1", shown)


def _list() -> str:
    """Lines of the configs, with what each is, and of the presets."""
    lines = ["configs, for --config:"]
    for path in sorted(CONFIGS.glob("[!_]*.py")):
        about = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        lines.append(f"  {path.stem:<20} {about.partition(chr(10))[0]}")
    lines += ["presets, for --preset and --init_from:"]
    lines += [f"  {name}" for name in pretrained.names()]
    return "\n".join([*lines, ""])


def _with_path(word: str) -> str:
    """A word of the command line, with --config's name as the path of its file."""
    match = re.fullmatch(r"(--?config)=(\w+)(:.*)?", word)
    if match is None or not (CONFIGS / f"{match[2]}.py").is_file():
        return word
    return f"{match[1]}={CONFIGS / match[2]}.py{match[3] or ''}"


def _leave(message: str, code: int) -> NoReturn:
    """Prints one line and exits."""
    program = provenance.installed_command(sys.argv[0]) or Path(sys.argv[0]).stem
    line = " ".join(part.strip() for part in message.splitlines())
    print(f"{program}: {line}", file=sys.stderr, flush=True)
    sys.exit(code)

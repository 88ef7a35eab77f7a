"""Where a result comes from: the command, the commit, the config, the weights."""

from __future__ import annotations

import hashlib
import json
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import ml_collections

if TYPE_CHECKING:
    import keras

ROOT = Path(__file__).resolve().parent.parent


def config_hash(config: ml_collections.ConfigDict) -> str:
    """The first 12 hexadecimal digits of the config's SHA-256."""
    text = json.dumps(config.to_dict(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def weights_hash(model: keras.Model) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of a model's weights."""
    digest = hashlib.sha256()
    for weight in model.weights:
        digest.update(weight.numpy().tobytes())
    return digest.hexdigest()[:12]


def git_revision() -> str | None:
    """The source tree's commit, "+changes" if it differs; None without git."""
    if not (ROOT / ".git").exists():
        return None  # an installed package, maybe inside another project's tree

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None


def installed_command(program: str) -> str | None:
    """The command that starts an installed program; None in the source tree.

    Args:
      program: path of its file, as `sys.argv[0]` is: "DIR/kpp_tools/show_data.py".

    Returns:
      For example "kpp-show-data".
    """
    path = Path(program)
    if path.parent.name != "kpp_tools":
        return None
    return f"kpp-{path.stem.replace('_', '-')}"


def portable_command(argv: Sequence[str]) -> str:
    """A command line that works on another machine, from the source tree.

    Paths inside the source tree become relative to it. Other absolute paths keep their
    last name; `--data_dir` becomes DIR and `--workdir` a folder of `runs`. The
    interpreter becomes `python`, and is added where it is missing.

    Args:
      argv: e.g. `sys.argv`.
    """
    words = list(argv)
    if command := installed_command(words[0]):
        return shlex.join([command, *map(_portable, words[1:])])
    if Path(words[0]).name.startswith("python"):
        words = words[1:]
    return shlex.join(["python", *map(_portable, words)])


def _portable(word: str) -> str:
    flag, equals, value = word.rpartition("=")
    name = flag.lstrip("-")
    if name == "data_dir":
        return f"{flag}=DIR"
    path, colon, variant = value.partition(":")
    if not Path(path).is_absolute():
        return word
    if Path(path).is_relative_to(ROOT):
        path = Path(path).relative_to(ROOT).as_posix()
    elif name == "workdir":
        path = f"runs/{Path(path).name}"
    else:
        path = Path(path).name
    return f"{flag}{equals}{path}{colon}{variant}"

"""Files and folders that appear whole or not at all; digests; the cache's folder."""

import contextlib
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kpp_tf.errors import UserError


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yields a temporary name beside `path`, and renames it into place at the end.

    The name has the suffix of `path`, by which some libraries choose a format. Readers
    of `path` see the old content or the new one, never a part. If the block raises, the
    temporary file is removed and `path` stays as it was.

    Args:
      path: of the file; a missing folder is created.

    Yields:
      The name to write to.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Yields an empty temporary folder beside `path`, renamed into place at the end.

    Args:
      path: of a folder that does not exist yet.

    Yields:
      The folder to fill.

    Raises:
      UserError: if something is at `path` already; it is left alone.
    """
    path = Path(path)
    if path.exists():
        raise UserError(
            f"there is something; move it away or choose another. Received: {path}"
        )
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    temporary.mkdir(parents=True)
    try:
        yield temporary
        # A folder that appeared meanwhile makes this fail, unless it is empty.
        os.rename(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_json(path: str | Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON object whole, sorted by name."""
    with replacing(path) as temporary:
        text = json.dumps(content, indent=1, sort_keys=True)
        temporary.write_text(f"{text}\n", encoding="utf-8")


def read_json(path: str | Path, *names: str) -> dict[str, Any]:
    """Reads a JSON object.

    Args:
      path: of the file.
      names: that the object must have.

    Raises:
      FileNotFoundError: if there is no such file.
      UserError: if it holds anything else, or lacks a name.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # of JSON, or of UTF-8
        raise UserError(f"the file is damaged: {error}. Received: {path}") from error
    if not isinstance(content, dict):
        raise UserError(f"the file must hold a JSON object. Received: {path}")
    if missing := set(names) - set(content):
        raise UserError(f"the file lacks {sorted(missing)}. Received: {path}")
    return content


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def cache_folder() -> Path:
    """Where files lie that can be made again; it need not exist yet.

    The environment's KPP_CACHE_DIR, else `kpp_tf` in the platform's folder for caches:
    XDG_CACHE_HOME, ~/Library/Caches on macOS, ~/.cache elsewhere.
    """
    if chosen := os.environ.get("KPP_CACHE_DIR"):
        return Path(chosen).expanduser()
    usual = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or usual).expanduser() / "kpp_tf"

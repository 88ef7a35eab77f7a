"""Files and folders that appear whole or not at all."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Lends a temporary name beside `path`, and renames it into place at the end.

    Whoever reads `path` sees the old content or the new one, never a part. If the block
    raises, the temporary file goes away and `path` stays as it was.

    Args:
      path: of the file; its folder is created where it is missing.

    Yields:
      The name to write to.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Lends an empty temporary folder beside `path`, renamed into place at the end.

    Args:
      path: of a folder that does not exist yet.

    Yields:
      The folder to fill.

    Raises:
      FileExistsError: if there is something at `path`; it is left as it is.
    """
    path = Path(path)
    if path.exists():
        raise FileExistsError(f"{path} exists; move it away or choose another name")
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.mkdir(parents=True)
    try:
        yield temporary
        # A folder that appeared meanwhile makes this fail, unless it is empty.
        os.rename(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)

"""Programs in processes of their own, which import this tree whatever is installed."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def python(
    *arguments: object, cwd: Path = ROOT, **environment: str | None
) -> subprocess.CompletedProcess:
    """Runs Python; a variable of the environment that is None is not set there."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env={name: value for name, value in variables.items() if value is not None},
        capture_output=True,
        text=True,
        check=False,
    )


def tool(name: str, *arguments: object, **options) -> subprocess.CompletedProcess:
    """Runs tools/NAME.py."""
    return python(ROOT / "tools" / f"{name}.py", *arguments, **options)


def done(*arguments: object, **options) -> subprocess.CompletedProcess:
    """`tool`, which must go well."""
    process = tool(*arguments, **options)
    assert process.returncode == 0, process.stderr
    return process

"""The programs, a file each; installed as the package kpp_tools and as commands.

The command kpp-train is `python tools/train.py`, and so with the others.
"""

import runpy
import sys
from pathlib import Path


def main() -> None:
    """Runs the program that the command's name says."""
    name = Path(sys.argv[0]).stem.removeprefix("kpp-").replace("-", "_")
    runpy.run_module(f"{__name__}.{name}", run_name="__main__", alter_sys=True)

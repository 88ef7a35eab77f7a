"""Small JSON files under `results/`: every number that RESULTS.md shows.

* results/runs/NAME.json: a finished training run, its summary and its config;
* results/ablations/NAME.json: the same, of a variant of configs/ablations.py;
* results/evaluations/NAME.json: what tools/evaluate.py wrote;
* results/quality/NAME.json: what tools/sample_quality.py wrote.
"""

import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kpp_tf import provenance
from kpp_tf.training import workdirs

FOLDER = provenance.ROOT / "results"

Results = Mapping[str, Mapping[str, Any]]


class ResultFiles(NamedTuple):
    """Contents of `results/`, by name in each folder."""

    runs: Results
    ablations: Results
    evaluations: Results
    quality: Results


def read(folder: str | Path) -> ResultFiles:
    """Reads `results/`; a folder that is not there is empty.

    Raises:
      ValueError: if a file is not a JSON object.
    """
    return ResultFiles(*(read_folder(Path(folder) / n) for n in ResultFiles._fields))


def keep_run(workdir: str | Path, target: Path) -> dict[str, Any]:
    """Stores a finished run's summary and config as one result file; returns it.

    Raises:
      FileNotFoundError: if the run is not finished.
    """
    path = Path(workdir) / workdirs.SUMMARY
    if not path.exists():
        raise FileNotFoundError(
            f"This is no finished run: it has no {workdirs.SUMMARY}. "
            f"Received: {workdir}"
        )
    content = json.loads(path.read_text())
    content["command"] = provenance.portable_command(shlex.split(content["command"]))
    content["config"] = workdirs.read_config(workdir).to_dict()
    write(target, content)
    return content


def read_folder(folder: Path) -> dict[str, dict[str, Any]]:
    """The result files of a folder by name; {} if there is no such folder.

    Raises:
      ValueError: if one is not a JSON object.
    """
    results = {}
    for path in sorted(folder.glob("*.json")):
        try:
            content = json.loads(path.read_text())
        except ValueError as error:
            raise ValueError(f"{path} must hold JSON. Received: {error}") from error
        if not isinstance(content, dict):
            raise ValueError(
                f"{path} must hold a JSON object. Received: {type(content).__name__}"
            )
        results[path.stem] = content
    return results


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file whole, and says on stderr what was done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    verb = "Replaced" if path.exists() else "Wrote"
    workdirs.write_json(path, content)
    print(f"{verb} {path}", file=sys.stderr)

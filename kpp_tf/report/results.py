"""The files in `results/`: every number of README's table, RESULTS.md and its appendix.

* results/SYSTEM/DATA.json: tools/evaluate.py's output for one trained model. SYSTEM and
  DATA are names of configs/table.py; a variant of a model adds a suffix to DATA.
* results/ablations/NAME.json: the same for a variant of configs/ablations.py.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kpp_tf.errors import UserError
from kpp_tf.files import read_json, write_json
from kpp_tf.report.published import BITS, NATS

ABLATIONS = "ablations"

# Each {"value", "standard_error", "unit"}; missing or null if it was not measured.
BOUNDS = ("stored", "unseen", "predictive", "swapped", "importance_weighted")
UNITS = (NATS, BITS)


class Result(NamedTuple):
    """One file.

    Attributes:
      system: name of its folder; ABLATIONS for a variant.
      name: name of the file, without the suffix.
      content: the JSON object, without null values.
    """

    system: str
    name: str
    content: Mapping[str, Any]

    @property
    def data(self) -> str:
        """Name of the data set; variants of a model share it."""
        return self.content.get("data", self.name)

    @property
    def file(self) -> str:
        """Path of the file in the folder, without the suffix, as code."""
        return f"`{self.system}/{self.name}`"


def read(folder: str | Path) -> list[Result]:
    """Reads the files, sorted by path; none if the folder does not exist.

    Raises:
      UserError: if a file is not a JSON object, or a bound in it is malformed.
    """
    results = []
    for path in sorted(Path(folder).glob("*/*.json")):
        found = read_json(path)
        content = {name: value for name, value in found.items() if value is not None}
        for name in BOUNDS:
            if name in content:
                _check_bound(content[name], f"{name} of {path}")
        results.append(Result(path.parent.name, path.stem, content))
    return results


def write(path: str | Path, content: Mapping[str, Any]) -> None:
    """Writes a result file whole, and reports its path on stderr."""
    write_json(path, content)
    print(f"Wrote {path}", file=sys.stderr)


def _check_bound(bound: Any, where: str) -> None:
    fine = isinstance(bound, Mapping) and bound.get("unit") in UNITS
    for field in ("value", "standard_error"):
        fine = fine and isinstance(bound.get(field), int | float)
    if not fine:
        raise UserError(
            f"{where} must be an object of value, standard_error and unit, one of "
            f"{', '.join(UNITS)}. Received: {bound!r}"
        )

"""The JSON files under `results/`: every number that RESULTS.md shows.

* results/SYSTEM/DATA.json: what tools/evaluate.py wrote of one trained model. SYSTEM
  and DATA are those of configs/table.py; a model of another size has a suffix to DATA,
  such as binarized_mnist_792.
* results/ablations/NAME.json: the same, of a variant of configs/ablations.py.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kpp_tf.errors import UserError
from kpp_tf.files import read_json, write_json

ABLATIONS = "ablations"

# Each {"value", "standard_error", "unit"}. What is missing or null was not measured.
BOUNDS = ("stored", "unseen", "predictive", "swapped", "importance_weighted")
UNITS = ("nats/image", "bits/dim")


class Result(NamedTuple):
    """One file.

    Attributes:
      system: its folder's name; ABLATIONS for a variant.
      name: the file's, without its suffix.
      content: the JSON object.
    """

    system: str
    name: str
    content: Mapping[str, Any]

    @property
    def data(self) -> str:
        """Name of the data set; a variant of a data set has the same."""
        return self.content.get("data", self.name)


def read(folder: str | Path) -> list[Result]:
    """Reads `results/`, sorted by path; a folder that is not there is empty.

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
    """Writes a result file whole, and says so on stderr."""
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

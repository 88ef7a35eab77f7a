"""The stored bound against the bits of the memory: points, and their picture.

`rate` of a result file is a list of {"code", "bits_per_image", "value",
"standard_error", "unit"}: the model with its memory kept at several precisions, and
what stores without a network (PCA and logistics, packed pixels).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from kpp_tf import plots
from kpp_tf.report import published
from kpp_tf.report.results import Result

FILE = "docs/figures/stored_by_memory.png"
FLOAT_BITS = 32
OF_MODEL = "model"  # how the codes of a model begin


class Point(NamedTuple):
    """A stored bound and what it takes.

    Attributes:
      data: the data set.
      name: of the model's result file, or of the code that needs no model.
      of_model: which of the two.
      bits: of the memory, per image.
      value: of the bound.
      standard_error: of `value`.
      unit: of both.
    """

    data: str
    name: str
    of_model: bool
    bits: float
    value: float
    standard_error: float
    unit: str


def points(results: Sequence[Result]) -> list[Point]:
    """Every point of the results, each once; a model without `rate` has one.

    Codes without a model are fitted on the data alone, so that all results of a data
    set tell the same of them.
    """
    found: dict[tuple, Point] = {}
    for result in results:
        model, stored = f"{result.system}/{result.name}", result.content.get("stored")
        floats = result.content.get("memory_floats_per_image")
        rows = result.content.get("rate", [])
        if not rows and stored and floats:
            rows = [{**stored, "code": OF_MODEL, "bits_per_image": FLOAT_BITS * floats}]
        for row in rows:
            of_model = row["code"].startswith(OF_MODEL)
            point = Point(
                result.data,
                model if of_model else row["code"],
                of_model,
                row["bits_per_image"],
                row["value"],
                row["standard_error"],
                row["unit"],
            )
            found.setdefault(point[:4], point)
    return list(found.values())


def panels(results: Sequence[Result]) -> list[str]:
    """The data sets of the source's table that have a point."""
    found = {point.data for point in points(results)}
    return [data for data in published.DATA_SETS if data in found]


def draw(results: Sequence[Result], root: Path) -> Path | None:
    """Writes the picture, a panel a data set; returns its path, None if it is empty.

    The published bound is a line: the slides do not state the size of the memory.
    """
    here = panels(results)
    if not here:
        return None
    figure, axes = plots.new_figure(columns=len(here), width=4.5)
    for axis, data in zip(axes[0], here, strict=True):
        known = published.DATA_SETS[data]
        own = [p for p in points(results) if (p.data, p.unit) == (data, known.unit)]
        for name in dict.fromkeys(point.name for point in own):
            line = sorted((p.bits, p.value) for p in own if p.name == name)
            axis.plot(*zip(*line, strict=True), marker="o", label=name)
        axis.axhline(
            published.STORED["kpp"][data], color="grey", label="K++, published"
        )
        axis.set_xscale("log", base=2)
        axis.set(
            xlabel="memory, bits per image",
            ylabel=f"stored bound, {known.unit}",
            title=known.title,
        )
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    return plots.save_figure(root / FILE, figure)

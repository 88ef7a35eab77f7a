"""The stored bound against the bits of the memory: points, and their picture.

`rate` of a result file is a list of {"code", "bits_per_image", "value",
"standard_error", "unit"}: the model with its memory kept at several precisions, and
what stores without a network (PCA and logistics, packed pixels).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

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
    entries: dict[str, Any] = {}  # of the legend: a title has one look in all panels
    for axis, data in zip(axes[0], here, strict=True):
        known = published.DATA_SETS[data]
        own = [p for p in points(results) if (p.data, p.unit) == (data, known.unit)]
        for name in dict.fromkeys(point.name for point in own):
            line = sorted((p.bits, p.value) for p in own if p.name == name)
            of_model = any(p.of_model for p in own if p.name == name)
            title = _title(name) if of_model else name
            marker = "o" if of_model else "s"
            alike = sum(entry.get_marker() == marker for entry in entries.values())
            colour = entries[title].get_color() if title in entries else f"C{alike}"
            (entries[title],) = axis.plot(
                *zip(*line, strict=True), marker=marker, color=colour
            )
        line = axis.axhline(published.STORED["kpp"][data], color="grey")
        axis.set_xscale("log", base=2)
        axis.set(
            xlabel="memory, bits per image",
            ylabel=f"stored bound, {known.unit}",
            title=known.title,
        )
        axis.grid(alpha=0.3)
    entries["K++, published"] = line
    figure.tight_layout()
    figure.legend(
        entries.values(), entries, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=6
    )
    return plots.save_figure(root / FILE, figure)


def _title(name: str) -> str:
    """Of a model's result file: its system, and what it is if not of the table."""
    system, _, file = name.partition("/")
    title = published.SYSTEMS.get(system, system).partition(" (")[0]
    return title if file in published.DATA_SETS else f"{title}, {file}"

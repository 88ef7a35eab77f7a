"""The plot of the stored bound against the bits of the memory.

`rate` in a result file lists {"code", "bits_per_image", "value", "standard_error",
"unit"}: the model with its memory at several precisions, and codes without a network
(PCA and logistics, packed pixels).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kpp_tf import plots
from kpp_tf.report import published
from kpp_tf.report.results import Result

FILE = "docs/figures/stored_by_memory.png"


class Point(NamedTuple):
    """A stored bound and the bits that it takes.

    Attributes:
      data: name of the data set.
      title: of the model, or of the code that needs none.
      of_model: which of the two.
      bits: per image.
      row: `value`, `standard_error` and `unit` of the bound.
    """

    data: str
    title: str
    of_model: bool
    bits: float
    row: dict[str, Any]


def points(results: Sequence[Result]) -> list[Point]:
    """Every point once; a model without `rate` has the one of its float32 memory."""
    found: dict[tuple, Point] = {}
    for result in results:
        rows = result.content.get("rate", [])
        bits = result.content.get("memory_bits_per_image")
        if not rows and bits and "stored" in result.content:
            stored = result.content["stored"]
            rows = [{**stored, "code": "model", "bits_per_image": bits}]
        for row in rows:
            of_model = row["code"].startswith("model")
            title = _title(result) if of_model else row["code"]
            point = Point(result.data, title, of_model, row["bits_per_image"], row)
            # All results of a data set share the codes without a network.
            found.setdefault(point[:4], point)
    return list(found.values())


def draw(results: Sequence[Result], root: Path) -> Path | None:
    """Writes the plot, a panel for each data set of the published table with a point.

    The published bound is a line: the slides do not state the size of the memory.

    Returns:
      The path; None if there is no point.
    """
    found = points(results)
    panels = [d for d in published.DATA_SETS if any(p.data == d for p in found)]
    if not panels:
        return None
    figure, axes = plots.new_figure(columns=len(panels), width=4.5)
    entries: dict[str, Any] = {}  # legend: a title looks the same in all panels
    for axis, data in zip(axes[0], panels, strict=True):
        known = published.DATA_SETS[data]
        own = [p for p in found if (p.data, p.row["unit"]) == (data, known.unit)]
        for title, of_model in dict.fromkeys((p.title, p.of_model) for p in own):
            line = sorted((p.bits, p.row["value"]) for p in own if p.title == title)
            marker = "o" if of_model else "s"
            alike = sum(entry.get_marker() == marker for entry in entries.values())
            colour = entries[title].get_color() if title in entries else f"C{alike}"
            x, y = zip(*line, strict=True)
            (entries[title],) = axis.plot(x, y, marker=marker, color=colour)
        stored = axis.axhline(published.STORED["kpp"][data], color="grey")
        axis.set_xscale("log", base=2)
        axis.set(
            xlabel="memory, bits per image",
            ylabel=f"stored bound, {known.unit}",
            title=known.title,
        )
        axis.grid(alpha=0.3)
    entries["K++, published"] = stored
    figure.tight_layout()
    figure.legend(
        entries.values(), entries, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=6
    )
    return plots.save_figure(root / FILE, figure)


def _title(result: Result) -> str:
    title = published.SYSTEMS.get(result.system, result.system).partition(" (")[0]
    return title if result.name == result.data else f"{title}, {result.name}"

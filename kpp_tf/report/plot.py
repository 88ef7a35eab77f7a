"""The picture of RESULTS.md: the stored bound against the bits of the memory."""

from collections.abc import Sequence
from pathlib import Path

from kpp_tf import plots
from kpp_tf.report import published
from kpp_tf.report.results import Result

FILE = "docs/figures/stored_by_memory.png"


def points(results: Sequence[Result]) -> dict[str, list[tuple[str, float, float]]]:
    """What there is to draw, by data set.

    Args:
      results: of models, and of what stores without one (PCA, packed pixels).

    Returns:
      Data set -> (system's title, memory in bits per image, stored bound), fewest bits
      first; data sets without a result are left out.
    """
    found: dict[str, list[tuple[str, float, float]]] = {}
    for result in results:
        data = result.content.get("data", result.name)
        stored = result.content.get("stored")
        bits = result.content.get("memory_bits_per_image")
        floats = result.content.get("memory_floats_per_image")
        if bits is None and floats is not None:
            bits = 32 * floats
        known = published.DATA_SETS.get(data)
        if known and stored and bits and stored["unit"] == known.unit:
            title = published.SYSTEMS.get(result.system, result.system)
            found.setdefault(data, []).append((title, bits, stored["value"]))
    order = [data for data in published.DATA_SETS if data in found]
    return {data: sorted(found[data], key=lambda point: point[1]) for data in order}


def draw(results: Sequence[Result], root: Path) -> Path | None:
    """Writes the picture, a panel a data set; returns its path, None if it is empty.

    The published bound is a line: the slides do not state the size of the memory.
    """
    found = points(results)
    if not found:
        return None
    figure, axes = plots.new_figure(columns=len(found), width=4.5)
    for axis, (data, here) in zip(axes[0], found.items(), strict=True):
        for title in dict.fromkeys(point[0] for point in here):
            own = [(bits, bound) for name, bits, bound in here if name == title]
            axis.plot(*zip(*own, strict=True), marker="o", label=title)
        bound = published.STORED["kpp"][data]
        axis.axhline(bound, color="grey", linestyle="--", label="K++, published")
        known = published.DATA_SETS[data]
        axis.set(
            xscale="log",
            xlabel="memory, bits per image",
            ylabel=f"stored bound, {known.unit}",
            title=known.title,
        )
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    return plots.save_figure(root / FILE, figure)

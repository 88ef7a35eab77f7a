"""Every table of results, by the name that the documents give it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kpp_tf.report import memory_plot, published
from kpp_tf.report.class_curves import curves
from kpp_tf.report.markdown import MISSING, bound, cell, table
from kpp_tf.report.results import ABLATIONS, BOUNDS, Result

THREE = ("stored", "unseen", "predictive")
SEEN = (0, 1, 2, 3, 4, 5, 9, 10, 19, 31)
RUN = (
    "split",
    "episode_length",
    "capacity",
    "seed",
    "parameters",
    "step",
    "images_seen",
    "hours",
    "git_revision",
)
# Quantities that are a list of records, or an object of records and numbers.
RECORDS = ("terms", "rate", "nudge", "scale_sweep", "samples", "attractor")
FIRST = ("of", "code", "damage", "width")  # columns that say what a record is of
HEADS = [f"{data.title}, {data.unit}" for data in published.DATA_SETS.values()]


def tables(results: Sequence[Result]) -> dict[str, str]:
    """All tables, in Markdown.

    Args:
      results: what `kpp_tf.report.results.read` found.
    """
    models = [result for result in results if result.system != ABLATIONS]
    few_shot = {
        m.file: m.content["few_shot"] for m in models if "few_shot" in m.content
    }
    return {
        "readme": _readme(models),
        "glance": _glance(models),
        "few_shot": curves(few_shot),
        "ablations": _ablations(results),
        "bounds": _fields(results, (*BOUNDS, "memory_floats_per_image")),
        "runs": _fields(results, RUN),
        "predictive_curve": _predictive(models),
        **{name: _records(name, results) for name in RECORDS},
        "commands": _commands(results),
    }


def _readme(models: Sequence[Result]) -> str:
    ours = {(m.system, m.name): m.content for m in models}
    rows = []
    for data, head in zip(published.DATA_SETS, HEADS, strict=True):
        kpp, vae = (ours.get((system, data), {}) for system in ("kpp", "vae"))
        quoted = published.STORED["kpp"][data]
        cells = [bound(c.get(name)) for c, name in ((kpp, "stored"), (kpp, "unseen"))]
        rows.append([head, *cells, bound(vae.get("unseen")), f"{quoted:g}"])
    columns = ("test images", "stored", "unseen", "VAE, no memory", "stored, published")
    return table(columns, rows)


def _glance(models: Sequence[Result]) -> str:
    ours = {(model.system, model.name): model for model in models}
    rows = []
    for system, title in published.SYSTEMS.items():
        cells = []
        for data in published.DATA_SETS:
            quoted = published.STORED.get(system, {}).get(data)
            suffix = "" if quoted is None else f" ({quoted:g})"
            cells.append(_three(ours.get((system, data))) + suffix)
        rows.append([f"**{title}**", *cells])
    codes = [point for point in memory_plot.points(models) if not point.of_model]
    for code in sorted({point.title for point in codes}):
        own = {p.data: bound(p.row, error=False) for p in codes if p.title == code}
        cells = [own.get(data, MISSING) for data in published.DATA_SETS]
        rows.append([f"{code}: stored, no network", *cells])
    without: dict[str, list[str]] = {data: [] for data in published.DATA_SETS}
    for found in published.WITHOUT_MEMORY:
        without[found.data].append(f"{found.model} {found.value:g}")
    cells = [", ".join(named) or MISSING for named in without.values()]
    rows.append(["no memory, published, -ln p(x)", *cells])
    return table(["", *HEADS], rows)


def _three(result: Result | None) -> str:
    found = [result and result.content.get(name) for name in THREE]
    return " / ".join(bound(f, error=False) for f in found) if any(found) else MISSING


def _ablations(results: Sequence[Result]) -> str:
    variants = [result for result in results if result.system == ABLATIONS]
    rows = []
    for variant in sorted(variants, key=lambda result: result.name != "base"):
        found = variant.content
        kept = found.get("nudge", {}).get("one_cell", {}).get("class_kept")
        rows.append(
            [
                variant.name.replace("_", " "),
                *(bound(found.get(name)) for name in THREE),
                MISSING if kept is None else f"{kept:.1%}",
                cell(found.get("memory_floats_per_image")),
            ]
        )
    return table(("variant", *THREE, "class kept", "floats an image"), rows)


def _fields(results: Sequence[Result], names: Sequence[str]) -> str:
    rows = []
    for result in results:
        found = (result.content.get(name) for name in names)
        cells = (bound(f) if isinstance(f, Mapping) else cell(f) for f in found)
        rows.append([result.file, *cells])
    return table(("file", *_titles(names)), rows)


def _predictive(models: Sequence[Result]) -> str:
    rows = []
    for model in models:
        curve = model.content.get("predictive_curve")
        if curve:
            values = {point["seen"]: f"{point['value']:,.2f}" for point in curve}
            rows.append([model.file, *(cell(values.get(seen)) for seen in SEEN)])
    return table(("file", *map(str, SEEN)), rows)


def _records(name: str, results: Sequence[Result]) -> str:
    found = [(r.file, record) for r in results for record in _rows(r.content.get(name))]
    columns = list(dict.fromkeys(column for _, record in found for column in record))
    columns.sort(key=lambda column: column not in FIRST)
    rows = [[file, *(cell(record.get(c)) for c in columns)] for file, record in found]
    return table(("file", *_titles(columns)), rows)


def _rows(found: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(found, Mapping):
        for name, value in found.items():
            record = value if isinstance(value, Mapping) else {"value": value}
            yield {"of": name.replace("_", " "), **record}
    else:
        yield from found or ()


def _titles(names: Sequence[str]) -> list[str]:
    return [name.replace("_", " ") for name in names]


def _commands(results: Sequence[Result]) -> str:
    """Commands of every model; of the ablations only the base's."""
    lines = [
        f"{result.content[field]}  # {result.file[1:-1]}\n"
        for result in results
        if result.system != ABLATIONS or result.name == "base"
        for field in ("train_command", "command")
        if field in result.content
    ]
    return "".join(("```\n", *lines, "```\n"))

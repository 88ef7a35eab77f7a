"""RESULTS.md as Markdown. What was not measured is a "-"."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kpp_tf.report import few_shot, published, rate
from kpp_tf.report.markdown import MISSING, cell, number, table
from kpp_tf.report.results import ABLATIONS, BOUNDS, Result

BASE = "base"  # of the ablations
THREE = ("stored", "unseen", "predictive")
TERMS = ("log_likelihood", "kl_latents", "kl_keys", "kl_memory")
TERM_TITLES = ("-ln p(x\\|z)", "KL latents", "KL keys", "KL memory")
MOVES = {"recalled": "0", "quarter_cell": "1/4", "half_cell": "1/2", "one_cell": "1"}
SEEN = (0, 1, 2, 3, 4, 5, 9, 10, 19, 31)

_INTRODUCTION = """\
# Results

`python tools/report.py` writes this file from the JSON files under `results/`;
"-" stands for what was not measured. Lower is better. Three quantities belong together:

* **stored**: a bound of -ln p(x given M) for images x that the memory M was written
  from, the quantity of the published table. Storing alone wins it;
* **unseen**: the same for images of the same split that were not written. It shows what
  the model knows;
* **predictive**: the mean over t of a bound of -ln p(x_t given the memory of the images
  before it), a bound of -ln p(X) / T. Only this one compares with models that have no
  memory.

## At a glance

Stored / unseen / predictive on test images, and what is published of the stored bound.
"""

_PROTOCOL = """\
## Protocol

Bounds are at beta = 1, per image, in nats or in bits per dimension. Every image of the
split is scored once, in a fixed seeded partition into episodes of T images. +- is the
standard error over episodes, whose images share a memory. "Swapped" scores each episode
under its neighbour's memory; "importance-weighted" is the stored bound of Burda et al.
(2016). The memory is counted in float32 numbers per image. A bound of -ln p(x given M)
and one of -ln p(x) are never subtracted from each other.
"""


def document(results: Sequence[Result]) -> str:
    """The whole of RESULTS.md, of what `results.read` found."""
    models = [result for result in results if result.system != ABLATIONS]
    models.sort(key=lambda result: _order(result.system))
    variants = [result for result in results if result.system == ABLATIONS]
    variants.sort(key=lambda result: result.name != BASE)
    parts = (
        [_INTRODUCTION],
        _glance(models),
        _data_sets(models),
        [_PROTOCOL],
        _runs(models),
        _terms(models),
        _rates(models),
        _curves(models),
        _few_shot(models),
        _nudges(models),
        _records("Scale sweep", "scale_sweep", models),
        _records("Samples from p(Y)", "samples", models),
        _records("Reading again and again (attractor)", "attractor", models),
        _ablations(variants),
        _sources(),
    )
    return "\n".join(line for part in parts for line in part)


def _order(system: str) -> int:
    systems = list(published.SYSTEMS)
    return systems.index(system) if system in systems else len(systems)


def _title(system: str) -> str:
    return published.SYSTEMS.get(system, system)


def _file(result: Result) -> str:
    return f"{result.system}/{result.name}"


def _decimals(value: float, unit: str) -> str:
    return number(value, 2 if unit == published.NATS else 3)


def _bound(result: Result, name: str, errors: bool = True) -> str:
    bound = result.content.get(name)
    if bound is None:
        return MISSING
    text = _decimals(bound["value"], bound["unit"])
    if errors:
        text += f" +- {_decimals(bound['standard_error'], bound['unit'])}"
    known = published.ALL_DATA_SETS.get(result.data)
    if known and known.unit != bound["unit"]:
        text += f" {bound['unit']}"
    return text


def _glance(models: Sequence[Result]) -> Iterator[str]:
    ours = {(result.system, result.name): result for result in models}
    rows = []
    for system, title in published.SYSTEMS.items():
        figures = published.STORED.get(system, {})
        if system not in published.NOT_BUILT:
            cells = [_three(ours.get((system, data))) for data in published.DATA_SETS]
            rows.append([f"**{title}**", *cells])
        if figures:
            quoted = (figures.get(data) for data in published.DATA_SETS)
            cells = [MISSING if value is None else f"{value:g}" for value in quoted]
            rows.append([f"{title}, published", *cells])
    points = [point for point in rate.points(models) if not point.of_model]
    for code in sorted({point.name for point in points}):
        own = {p.data: _decimals(p.value, p.unit) for p in points if p.name == code}
        cells = [own.get(data, MISSING) for data in published.DATA_SETS]
        rows.append([f"**{code}**, stored, no network", *cells])
    columns = [f"{data.title}, {data.unit}" for data in published.DATA_SETS.values()]
    yield from table(["", *columns], rows)
    if rate.panels(models):
        yield f"![Stored bound against the bits of the memory]({rate.FILE})\n"


def _three(result: Result | None) -> str:
    if result is None or not any(name in result.content for name in THREE):
        return MISSING
    return " / ".join(_bound(result, name, errors=False) for name in THREE)


def _data_sets(models: Sequence[Result]) -> Iterator[str]:
    """A section for each data set: our rows, what differs, our commands."""
    names = [*published.DATA_SETS, *sorted({r.data for r in models})]
    for data in dict.fromkeys(names):
        known = published.ALL_DATA_SETS.get(data)
        ours = [result for result in models if result.data == data]
        yield f"## {known.title}, {known.unit}\n" if known else f"## {data}\n"
        rows = [
            [
                _title(result.system),
                number(published.STORED.get(result.system, {}).get(data)),
                *(_bound(result, name) for name in BOUNDS),
                number(result.content.get("memory_floats_per_image"), 0),
                f"`{_file(result)}`",
            ]
            for result in ours
        ]
        bounds = (name.replace("_", "-") for name in BOUNDS)
        columns = ("system", "stored, published", *bounds)
        yield from table((*columns, "memory floats per image", "file"), rows)
        if known:
            yield f"{known.note}\n"
        without = [
            f"{model.model} {model.value:g} ({model.source})"
            for model in published.WITHOUT_MEMORY
            if model.data == data
        ]
        if without:
            yield (
                "Without a memory, bounds of -ln p(x), to be compared with the "
                f"predictive column alone: {', '.join(without)}.\n"
            )
        yield from _commands(ours)


def _commands(results: Sequence[Result]) -> Iterator[str]:
    lines = [
        f"{result.content[field]}  # {_file(result)}"
        for result in results
        for field in ("train_command", "command")
        if result.content.get(field)
    ]
    if lines:
        yield from ("```", *lines, "```\n")


def _runs(models: Sequence[Result]) -> Iterator[str]:
    fields = ["split", "episode_length", "capacity", "seed", "parameters", "step"]
    fields += ["images_seen", "hours"]
    rows = []
    for result in models:
        revision = result.content.get("git_revision", MISSING)
        commit, plus, changes = revision.partition("+")
        cells = (cell(result.content.get(field)) for field in fields)
        rows.append([f"`{_file(result)}`", *cells, f"{commit[:10]}{plus}{changes}"])
    columns = ("split", "T", "capacity", "seed", "weights", "step", "images seen")
    yield from table(("file", *columns, "hours", "revision"), rows)


def _terms(models: Sequence[Result]) -> Iterator[str]:
    yield "## Terms of the bounds, in nats per image\n"
    rows = []
    for result in models:
        for which, terms in result.content.get("terms", {}).items():
            rows.append([f"`{_file(result)}`", which, *_term_cells(terms)])
    yield from table(("file", "bound", *TERM_TITLES), rows)


def _term_cells(terms: Mapping[str, float]) -> list[str]:
    likelihood, *kls = (terms.get(name) for name in TERMS)
    # As it enters the bound of -ln p(x).
    return [number(None if likelihood is None else -likelihood), *map(number, kls)]


def _rates(models: Sequence[Result]) -> Iterator[str]:
    yield "## Stored bound by the bits of the memory\n"
    rows = [
        [
            point.data,
            f"`{point.name}`" if point.of_model else point.name,
            number(point.bits, 0),
            f"{_decimals(point.value, point.unit)} +- "
            f"{_decimals(point.standard_error, point.unit)} {point.unit}",
        ]
        for point in sorted(rate.points(models))
    ]
    yield from table(("data", "file or code", "bits per image", "stored"), rows)


def _curves(models: Sequence[Result]) -> Iterator[str]:
    yield "## Predictive bound by the number of images seen\n"
    rows = []
    for result in models:
        curve = result.content.get("predictive_curve", [])
        values = {point["seen"]: point["value"] for point in curve}
        if values:
            rows.append([f"`{_file(result)}`", *(number(values.get(n)) for n in SEEN)])
    yield from table(("file", *map(str, SEEN)), rows)


def _few_shot(models: Sequence[Result]) -> Iterator[str]:
    yield "## Few-shot generation: Omniglot, one character an episode\n"
    yield (
        "Importance-weighted bounds of the next image of a character of the test "
        "alphabets, after the images seen; means over partitions into episodes, with "
        "standard errors.\n"
    )
    found = {
        f"`{_file(result)}`": result.content["few_shot"]
        for result in models
        if result.content.get("few_shot")
    }
    yield from few_shot.lines(found)


def _nudges(models: Sequence[Result]) -> Iterator[str]:
    yield "## A key that is moved a little\n"
    yield (
        "By cells of the memory that the key moves: the share of images whose class "
        "stays, by a classifier that was trained on real images, and the mean change "
        "of a pixel. Any other image of the episode would keep what the column of that "
        "name says. Last, the Frechet distance to real images of what lies half-way "
        "between two stored images, and that of the average of their pixels.\n"
    )
    rows = []
    for result in models:
        nudge = result.content.get("nudge")
        if nudge:
            moves = [nudge.get(move, {}) for move in MOVES]
            half_way = nudge.get("half_way", {})
            rows.append(
                [
                    f"`{_file(result)}`",
                    *(_share(move) for move in moves),
                    _percent(nudge.get("same_class")),
                    *(number(move.get("pixel_distance"), 3) for move in moves),
                    number(half_way.get("frechet")),
                    number(half_way.get("frechet_pixel_average")),
                ]
            )
    yield from table(
        (
            "file",
            *(f"class kept, {cells}" for cells in MOVES.values()),
            "class kept, any other",
            *(f"pixels, {cells}" for cells in MOVES.values()),
            "Frechet, half-way",
            "Frechet, pixel average",
        ),
        rows,
    )


def _percent(share: float | None) -> str:
    return MISSING if share is None else f"{share:.1%}"


def _share(move: Mapping[str, float]) -> str:
    if move.get("class_kept") is None:
        return MISSING
    return f"{_percent(move['class_kept'])} +- {_percent(move['standard_error'])}"


def _records(title: str, field: str, models: Sequence[Result]) -> Iterator[str]:
    """A section of a quantity: a list of records, or an object of some by name."""
    rows: list[tuple[str, Mapping[str, Any]]] = []
    for result in models:
        found = result.content.get(field, [])
        if isinstance(found, Mapping):
            named = {n: v for n, v in found.items() if isinstance(v, Mapping)}
            found = [{"of": name, **record} for name, record in named.items()]
        rows += [(f"`{_file(result)}`", record) for record in found]
    columns = list(dict.fromkeys(name for _, record in rows for name in record))
    columns.sort(key=lambda name: name not in ("of", "width"))  # what the rest is of
    yield f"## {title}\n"
    cells = [[file, *(cell(record.get(c)) for c in columns)] for file, record in rows]
    yield from table(("file", *(c.replace("_", " ") for c in columns)), cells)


def _ablations(variants: Sequence[Result]) -> Iterator[str]:
    yield "## Ablations\n"
    yield (
        "K++ with one thing changed at a time (`configs/ablations.py`), after so many "
        "steps as the line says: far fewer than above, so compare lines with each "
        "other. The terms are those of the stored bound, in nats per image. Commands "
        "are those of the first line; the others differ by their name.\n"
    )
    rows = []
    for result in variants:
        content = result.content
        nudge = content.get("nudge", {}).get("one_cell", {})
        rows.append(
            [
                result.name.replace("_", " "),
                *(_bound(result, name) for name in THREE),
                *_term_cells(content.get("terms", {}).get("stored", {})),
                _share(nudge),
                number(content.get("memory_floats_per_image"), 0),
                cell(content.get("step")),
                cell(content.get("split")),
            ]
        )
    columns = (*TERM_TITLES, "class kept, 1 cell", "memory floats per image", "step")
    yield from table(("variant", *THREE, *columns, "split"), rows)
    yield from _commands(variants[:1])


def _sources() -> Iterator[str]:
    yield "## Sources\n"
    yield from (f"* {source}" for source in published.STORED_SOURCES)
    yield ""

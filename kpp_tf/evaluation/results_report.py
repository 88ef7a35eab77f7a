"""RESULTS.md, written from the files under `results/`.

Nothing here computes: it reads, sorts and prints. A figure without a file is shown as
"not run".
"""

from collections.abc import Iterator, Sequence

from kpp_tf.evaluation import published, result_sections
from kpp_tf.evaluation import result_cells as cells
from kpp_tf.evaluation.result_files import ResultFiles
from kpp_tf.evaluation.results_table import Run

# Data sets whose published figures K++ is to be compared with here.
AIMS = ("binarized_mnist", "omniglot28", "fashion_mnist")

_INTRODUCTION = """\
# Results

Written by `tools/write_results.py` from the JSON files under `results/`, which say by
which command each number was made. "{not_run}" stands where there is no such file.

**Protocol.** A bound is of -ln p(X|M), an image, at beta = 1; lower is better. **The
memory M was written from the very images that are scored**, so these are no bounds of
ln p(X), and a larger memory makes them smaller. Every image of the test split is scored
once, in a fixed seeded partition into episodes of T images. +- is the standard error
over episodes, whose images share a memory. "Swapped" scores each episode under its
neighbour's memory. "IW" is the importance-weighted bound (Burda et al., 2016) with as
many samples as the brackets say. Memory is in float32 numbers an image.
"""

_BOUND_COLUMNS = (
    "system",
    "bound",
    "-ln p(x\\|z, m)",
    "KL latents",
    "KL keys",
    "KL memory",
    "IW",
    "swapped",
    "memory floats/image",
    "weights",
    "steps",
    "images/s",
    "minutes",
    "seed",
    "protocol",
    "from",
)


def to_markdown(results: ResultFiles) -> str:
    """The whole of RESULTS.md."""
    parts = [
        [_INTRODUCTION.format(not_run=cells.NOT_RUN)],
        _published_section(results),
        result_sections.ablations(results),
        result_sections.lengths(results),
        result_sections.precisions(results),
        result_sections.samples(results),
        _provenance_section(results),
    ]
    return "\n".join(line for part in parts for line in part)


def _published_section(results) -> Iterator[str]:
    runs = [_our_run(name, results) for name in results.runs]
    names = {data.name for data in published.DATA_SETS}
    shown = [
        data
        for data in published.DATA_SETS
        if data.name in AIMS or any(run.data == data for run in runs)
    ]
    shown += sorted({r.data for r in runs if r.data.name not in names}, key=str)
    yield "## Beside the published figures\n"
    for data in shown:
        yield f"### {data.title} (bound in {data.unit}, its terms in nats/image)\n"
        rows = []
        for figure in published.FIGURES:
            if figure.data == data.name:
                bound = f"{'<= ' if figure.is_bound else ''}{figure.value:g}"
                row = [f"{figure.system}, published", bound, *["-"] * 14]
                row[-2] = (
                    "GPM's own; see below"
                    if figure.source != (published.TABLE)
                    else "K++ table"
                )
                rows.append(row)
        ours = sorted((r for r in runs if r.data == data), key=lambda r: r.bound)
        rows += [_our_row(run) for run in ours]
        if data.name in AIMS and not any(r.system == published.KPP for r in ours):
            rows.append([f"{published.KPP}, ours", cells.NOT_RUN, *["-"] * 14])
        yield from cells.table(_BOUND_COLUMNS, rows)
        yield from _against_vae(ours)
        if data.name in published.PROTOCOLS:
            yield f"What differs: {published.PROTOCOLS[data.name]}\n"
    for name, text in published.SOURCES.items():
        yield f"* {name}: {text}"
    yield ""


def _our_run(name, results):
    """A run, with its figures as its pretrained model was evaluated, if it was."""
    content = results.runs[name]
    summary = {**content, "file": f"results/runs/{name}.json"}
    evaluation = results.evaluations.get(name)
    if evaluation is not None:
        for field, value in evaluation.items():
            if field not in ("command", "git_revision"):
                summary[field] = value
        summary["file"] = f"results/evaluations/{name}.json"
    return Run(name, summary, content["config"])


def _our_row(run):
    figures = run.summary
    samples = figures.get("num_samples")
    importance = cells.number(figures.get("importance_weighted_bound"))
    return [
        f"**{run.system}, ours**",
        f"**{run.bound:.2f}** +- {run.standard_error:.2f}",
        *cells.terms(figures),
        f"{importance} [{samples}]" if importance != cells.NOT_RUN else cells.NOT_RUN,
        cells.number(figures.get("bound_swapped_memory")),
        cells.number(figures.get("memory_floats_per_image"), 0),
        cells.number(figures.get("parameters"), 0),
        cells.number(figures.get("steps"), 0),
        cells.number(figures.get("images_per_second"), 0),
        cells.number(figures["seconds"] / 60 if figures.get("seconds") else None, 1),
        cells.number(figures.get("seed"), 0),
        run.protocol,
        f"`{figures['file']}`",
    ]


def _against_vae(runs: Sequence[Run]) -> Iterator[str]:
    """What a memory is worth after equal training, where there is a VAE to compare."""
    for vae in (run for run in runs if run.summary["model"] == "vae"):
        steps = vae.summary["steps"]
        gains = [
            f"{run.system} {run.bound - vae.bound:+.2f}"
            for run in runs
            if run is not vae and run.summary["steps"] == steps
        ]
        if gains:
            yield (
                f"Against the VAE, which has no memory, after as many steps "
                f"({steps:,}); below zero is better: {', '.join(gains)}.\n"
            )


def _provenance_section(results) -> Iterator[str]:
    yield "## Commands\n"
    for folder, files in results._asdict().items():
        for name, content in files.items():
            revision = content.get("git_revision") or "unknown"
            yield f"* `results/{folder}/{name}.json`, revision {revision}:"
            yield f"\n      {content.get('command', 'unknown')}\n"
            if "note" in content:
                yield f"  {content['note']}\n"

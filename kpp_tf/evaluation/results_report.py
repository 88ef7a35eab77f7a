"""RESULTS.md, written from the files under `results/`.

Nothing here computes: it reads, sorts and prints. A figure without a file is shown as
"not run".
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kpp_tf.evaluation import published, result_files
from kpp_tf.evaluation.ablations import VARIANTS
from kpp_tf.evaluation.results_table import Run

NOT_RUN = "not run"
LENGTHS = (8, 16, 32, 64)
DTYPES = ("float32", "bfloat16", "int8", "int4")
# Data sets whose published figures K++ is to be compared with here.
AIMS = ("binarized_mnist", "omniglot28", "fashion_mnist")

Results = Mapping[str, Mapping[str, Any]]


class ResultFiles(NamedTuple):
    """Contents of `results/`, by name in each folder; see `result_files`."""

    runs: Results
    ablations: Results
    evaluations: Results
    quality: Results


def read(folder: str | Path) -> ResultFiles:
    """Reads `results/`; a folder that is not there is empty."""
    return ResultFiles(
        *(result_files.read_folder(Path(folder) / n) for n in ResultFiles._fields)
    )


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
        [_INTRODUCTION.format(not_run=NOT_RUN)],
        _published_section(results),
        _ablation_section(results),
        _length_section(results),
        _dtype_section(results),
        _quality_section(results),
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
            rows.append([f"{published.KPP}, ours", NOT_RUN, *["-"] * 14])
        yield from _table(_BOUND_COLUMNS, rows)
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
    importance = _number(figures.get("importance_weighted_bound"))
    return [
        f"**{run.system}, ours**",
        f"**{run.bound:.2f}** +- {run.standard_error:.2f}",
        *_terms(figures),
        f"{importance} [{samples}]" if importance != NOT_RUN else NOT_RUN,
        _number(figures.get("bound_swapped_memory")),
        _number(figures.get("memory_floats_per_image"), 0),
        _number(figures.get("parameters"), 0),
        _number(figures.get("steps"), 0),
        _number(figures.get("images_per_second"), 0),
        _number(figures["seconds"] / 60 if figures.get("seconds") else None, 1),
        _number(figures.get("seed"), 0),
        run.protocol,
        f"`{figures['file']}`",
    ]


def _ablation_section(results) -> Iterator[str]:
    yield "## Ablations\n"
    yield (
        "Kanerva++ on binarized MNIST, one thing changed at a time, each trained for "
        "so many steps as its line says: far fewer than the runs above, so compare "
        "lines with each other. Test split; columns after the terms are explained "
        "under [Samples](#samples).\n"
    )
    base = results.ablations.get("base", {}).get("bound")
    rows, measured = [], {}
    for name, variant in VARIANTS.items():
        run = results.ablations.get(name)
        if run is None:
            rows.append([variant.title, NOT_RUN, *["-"] * 11])
            continue
        quality = results.quality.get(f"ablation_{name}", {})
        measured[name] = {**quality, "bound": run["bound"]}
        rows.append(
            [
                variant.title,
                f"{run['bound']:.2f} +- {run['bound_standard_error']:.2f}",
                _number(None if base is None else run["bound"] - base, sign=True),
                *_terms(run)[:3],
                _number(run.get("memory_floats_per_image"), 0),
                _number(run.get("steps"), 0),
                _number(quality.get("frechet_samples_to_held_out")),
                _number(quality.get("frechet_refined_to_held_out")),
                _number(quality.get("novelty")),
                _number(quality.get("largest_step")),
                f"`results/ablations/{name}.json`",
            ]
        )
    yield from _table(
        (
            "variant",
            "bound, nats/image",
            "against base",
            "-ln p(x\\|z, m)",
            "KL latents",
            "KL keys",
            "memory floats/image",
            "steps",
            "Frechet, samples",
            "Frechet, refined",
            "novelty",
            "largest step",
            "from",
        ),
        rows,
    )
    best = [
        ("lowest bound", "bound"),
        ("samples nearest to held-out images", "frechet_samples_to_held_out"),
        ("the same after iterative inference", "frechet_refined_to_held_out"),
        ("smoothest key paths", "largest_step"),
    ]
    for claim, field in best:
        known = {n: m[field] for n, m in measured.items() if field in m}
        if len(known) > 1:
            name = min(known, key=known.get)
            yield f"* {claim}: {VARIANTS[name].title} ({known[name]:.2f})"
    yield ""


def _length_section(results) -> Iterator[str]:
    yield "## Episode length at test time\n"
    yield (
        "One trained model, written with T images instead of the T it was trained with "
        "(marked *); the memory's size stays, so that it is shared by more or fewer "
        "images. An allocated memory has floor(S / P)^2 slots: images beyond them "
        "share slots, and are read back mixed.\n"
    )
    for model in _models(results):
        found = {
            e["episode_length"]: (name, e)
            for name, e in results.evaluations.items()
            if e.get("pretrained") == model and e["memory_dtype"] == "float32"
        }
        trained = {e["trained_episode_length"] for _, e in found.values()}
        rows = []
        for length in sorted({*LENGTHS, *found}):
            mark = "*" if length in trained else ""
            rows.append([f"{length}{mark}", *_evaluation_cells(found.get(length))])
        yield f"`{model}`:\n"
        yield from _table(("T", *_EVALUATION_COLUMNS), rows)


def _dtype_section(results) -> Iterator[str]:
    yield "## Precision of the stored memory\n"
    yield (
        "One trained model; the memory is rounded between writing and reading: to "
        "bfloat16, or to symmetric integers with one float32 scale for each channel of "
        "each episode, whose bits are counted. Nothing is trained for it.\n"
    )
    for model in _models(results):
        found = {
            e["memory_dtype"]: (name, e)
            for name, e in results.evaluations.items()
            if e.get("pretrained") == model
            and e["episode_length"] == e["trained_episode_length"]
        }
        rows = []
        for dtype in DTYPES:
            _, evaluation = found.get(dtype, (None, {}))
            bits = _number(evaluation.get("memory_bits_per_image"), 0)
            rows.append([dtype, bits, *_evaluation_cells(found.get(dtype))])
        yield f"`{model}`:\n"
        yield from _table(("stored as", "bits/image", *_EVALUATION_COLUMNS), rows)


_EVALUATION_COLUMNS = (
    "bound, nats/image",
    "-ln p(x\\|z, m)",
    "KL latents",
    "KL keys",
    "swapped",
    "memory floats/image",
    "from",
)


def _evaluation_cells(found):
    if found is None:
        return [NOT_RUN, *["-"] * 6]
    name, evaluation = found
    return [
        f"{evaluation['bound']:.2f} +- {evaluation['bound_standard_error']:.2f}",
        *_terms(evaluation)[:3],
        _number(evaluation.get("bound_swapped_memory")),
        _number(evaluation["memory_floats_per_image"], 1),
        f"`results/evaluations/{name}.json`",
    ]


def _quality_section(results) -> Iterator[str]:
    yield "## Samples\n"
    yield (
        "The bound alone can be won by a memory that merely stores. The test episodes "
        "are cut in two: memories are written from one half; the other is held out. "
        "Frechet distance: in the 64 features of a small classifier trained here, so "
        "not comparable with distances published elsewhere; of samples from p(Y), and "
        "of the same refined by iterative inference, to held-out images and to those "
        "that were written. Perfect samples would get what the written images "
        'themselves get (column "floor"). Novelty: distance of a sample to the '
        "nearest written frame over that of a written frame to the nearest other; 0 "
        "for copies, 1 for samples as new as another frame, more for what resembles no "
        "frame. Along straight key paths "
        "between two frames, 16 steps: the largest change of one step (1 is a jump, "
        "0.06 an even crossing) and the path's length (1 is straight), both over the "
        "distance of the ends.\n"
    )
    columns = {
        "held-out, samples": "frechet_samples_to_held_out",
        "held-out, refined": "frechet_refined_to_held_out",
        "floor": "frechet_written_to_held_out",
        "written, samples": "frechet_samples_to_written",
        "written, refined": "frechet_refined_to_written",
        "novelty": "novelty",
        "novelty, refined": "novelty_refined",
        "largest step": "largest_step",
        "path length": "path_length",
    }
    rows = []
    others = [n for n in results.quality if not n.startswith("ablation_")]
    for name in sorted({*_models(results), *others}):
        quality = results.quality.get(name)
        if quality is None:
            rows.append([name, *[NOT_RUN] * len(columns), "-", "-"])
            continue
        cells = [_number(quality.get(field)) for field in columns.values()]
        accuracy = f"{100 * quality['classifier']['accuracy']:.1f}%"
        rows.append([name, *cells, accuracy, f"`results/quality/{name}.json`"])
    yield from _table(("model", *columns, "classifier's accuracy", "from"), rows)


def _provenance_section(results) -> Iterator[str]:
    yield "## Commands\n"
    for folder, files in results._asdict().items():
        for name, content in files.items():
            revision = content.get("git_revision") or "unknown"
            yield f"* `results/{folder}/{name}.json`, revision {revision}:"
            yield f"\n      {content.get('command', 'unknown')}\n"


def _models(results) -> list[str]:
    """Names of the models that lines are shown for, run or not."""
    found = {e["pretrained"] for e in results.evaluations.values() if e["pretrained"]}
    return sorted(found) or ["binarized_mnist"]


def _terms(figures):
    """Cells of the bound's four terms, the first as it enters the bound."""
    likelihood = figures.get("log_likelihood")
    return [
        _number(None if likelihood is None else -likelihood),
        *(_number(figures.get(f"kl_{name}")) for name in ("latents", "keys", "memory")),
    ]


def _number(value: float | None, decimals: int = 2, sign: bool = False) -> str:
    if value is None:
        return NOT_RUN
    return f"{value:{'+' if sign else ''},.{decimals}f}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"a row has one cell a column: {columns}. Received: {row}")
    yield "| " + " | ".join(columns) + " |"
    yield "| " + " | ".join(":---" for _ in columns) + " |"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""

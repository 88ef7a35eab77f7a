"""The paper's table, with our runs beside the published figures.

A run is a folder that the trainer has finished: `summary.json` holds its figures and
`config.json` its config. Nothing here computes a bound; it reads, sorts and prints.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kpp_tf.evaluation import published

# As kpp_tf.training.workdirs names them, without waiting for TensorFlow.
CONFIG, SUMMARY = "config.json", "summary.json"

SYSTEM_OF_MODEL = {
    "variational_memory_addressing": published.VMA,
    "kanerva_machine": published.KM,
    "differentiable_neural_computer": published.DNC,
    "dynamic_kanerva_machine": published.DKM,
    "kanerva_plus_plus": published.KPP,
    "vae": "VAE, no memory",
}

TERMS = ("log_likelihood", "kl_latents", "kl_keys", "kl_memory")

# What a summary must hold to take part in the table.
REQUIRED = (
    "data",
    "model",
    "bound",
    "bound_standard_error",
    *TERMS,
    "bits_per_dim",
    "images_per_second",
    "memory_floats_per_image",
    "parameters",
    "seed",
    "split",
    "command",
    "steps",
    "seconds",
    "config_hash",
    "device",
)


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
      name: its folder, as given to `find_runs`.
      summary: contents of summary.json.
      config: contents of config.json; empty if there is none.
    """

    name: str
    summary: Mapping[str, Any]
    config: Mapping[str, Any]

    @property
    def system(self) -> str:
        """Title of the row: one of `published.SYSTEMS`, or the model's own name."""
        model = self.summary["model"]
        system = SYSTEM_OF_MODEL.get(model, model)
        shift = self._model.get("encoder", {}).get("shift", "none")
        if system == published.DKM and shift != "none":
            return published.DKM_TSM
        return system

    @property
    def data(self) -> published.DataSet:
        """The data set; a grey one that the run binarized is another data set."""
        name = self.summary["data"]
        known = {data.name: data for data in published.DATA_SETS}
        data = known.get(name, published.DataSet(name, name, published.NATS))
        binarize = self.config.get("data", {}).get("binarize", "none")
        if binarize == "none":
            return data
        return published.DataSet(
            f"{name}/{binarize}",
            f"{data.title}, {binarize} binarization",
            published.NATS,
        )

    @property
    def bound(self) -> float:
        """In the data set's unit."""
        if self.data.unit == published.BITS:
            return self.summary["bits_per_dim"]
        return self.summary["bound"]

    @property
    def standard_error(self) -> float:
        """Of `bound`, in the same unit."""
        scale = self.bound / self.summary["bound"] if self.summary["bound"] else 1.0
        return self.summary["bound_standard_error"] * scale

    @property
    def protocol(self) -> str:
        """What a reader must know to compare the figure with another."""
        parts = [f"{self.summary['split']} split"]
        data = self.config.get("data", {})
        if "episode_length" in data:
            parts.append(f"T={data['episode_length']}")
        if data.get("grouping", "uniform") != "uniform":
            parts.append(f"episodes grouped by {data['grouping']}")
        if self._model.get("address_samples"):
            parts.append(f"VIMCO bound of {self._model['address_samples']} addresses")
        if self._model.get("leave_one_out"):
            parts.append("memory without the scored image")
        steps = self.summary["steps"]
        parts.append(f"{steps:,} steps")
        warmup = self.config.get("train", {}).get("kl_warmup_steps", 0)
        if steps < warmup:
            parts.append(f"trained up to beta {steps / warmup:.2g}")
        return "; ".join(parts)

    @property
    def _model(self) -> Mapping[str, Any]:
        return self.config.get("model", {})


def find_runs(folders: Iterable[str | Path]) -> list[Run]:
    """Reads every finished run in or below some folders.

    Args:
      folders: each a run, or a folder that holds runs at any depth.

    Returns:
      Runs in the order of their paths, each once.

    Raises:
      FileNotFoundError: if a folder does not exist.
      ValueError: if a summary is not JSON or lacks a field that the table needs.
    """
    paths = set()
    for folder in folders:
        if not Path(folder).is_dir():
            raise FileNotFoundError(
                f"Runs are looked for in folders that exist. Received: {folder}"
            )
        paths.update(Path(folder).rglob(SUMMARY))
    return [_read_run(path) for path in sorted(paths)]


def _read_run(path: Path) -> Run:
    summary = _read_json(path)
    missing = [name for name in REQUIRED if summary.get(name) is None]
    if missing:
        raise ValueError(
            f"{path} lacks what the table needs; train or evaluate the run again. "
            f"Received: no {', '.join(missing)}"
        )
    config = path.with_name(CONFIG)
    return Run(
        path.parent.as_posix(), summary, _read_json(config) if config.exists() else {}
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} must hold JSON. Received: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(
            f"{path} must hold a JSON object. Received: {type(content).__name__}"
        )
    return content


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table: a system, what is published of it, and one run of it.

    Attributes:
      data: the data set.
      system: title.
      figure: the published figure, None if there is none.
      run: ours, None if there is none.
    """

    data: published.DataSet
    system: str
    figure: published.Figure | None
    run: Run | None


def make_rows(runs: Sequence[Run]) -> list[Row]:
    """Orders the table: data sets and systems as in the paper, then what it has not.

    Args:
      runs: of any systems and data sets; several of one system are a line each,
        lowest bound first.

    Returns:
      A row for every run, and one for every published figure without a run.
    """
    data_sets = list(published.DATA_SETS)
    data_sets += sorted({r.data for r in runs} - set(data_sets), key=lambda d: d.name)
    systems = list(published.SYSTEMS)
    systems += sorted({r.system for r in runs} - set(systems))
    rows = []
    for data in data_sets:
        for system in systems:
            figure = published.figure(system, data.name)
            ours = [r for r in runs if (r.data, r.system) == (data, system)]
            ours.sort(key=lambda run: _nan_last(run.bound))
            if not ours and figure:
                rows.append(Row(data, system, figure, None))
            rows += [Row(data, system, figure, run) for run in ours]
    return rows


def _nan_last(value: float) -> float:
    return math.inf if math.isnan(value) else value


_INTRODUCTION = """\
Lower is better. "Ours" bounds -ln p(X|M) of single images on the stated split, mean
over images and standard error over episodes; unless a line says otherwise the memory M
was written from the very images that are scored. It is the likelihood term with its
sign changed plus the three KLs, in nats per image. Memory is what is stored of an
episode, in floats per image of it; images/s is the training speed measured in that run.
"""

_HEADER = (
    "system",
    "published",
    "ours",
    "-ln p(x\\|z, m)",
    "KL latents",
    "KL keys",
    "KL memory",
    "memory floats/image",
    "weights",
    "images/s",
    "protocol",
)


def to_markdown(rows: Sequence[Row]) -> str:
    """The table as Markdown, with what differs in protocol, sources and commands."""
    lines = ["# Results table", "", _INTRODUCTION]
    for data in dict.fromkeys(row.data for row in rows):
        here = [row for row in rows if row.data == data]
        lines += [f"## {data.title} ({data.unit})", ""]
        lines.append(_markdown_line(_HEADER))
        numbers = ["---:"] * (len(_HEADER) - 2)
        lines.append(_markdown_line([":---", *numbers, ":---"]))
        lines += [_markdown_line(_markdown_cells(row)) for row in here]
        lines.append("")
        if data.name in published.PROTOCOLS:
            lines += [published.PROTOCOLS[data.name], ""]
    lines += ["## Sources", ""]
    lines += [f"* {name}: {text}" for name, text in published.SOURCES.items()]
    lines.append("")
    runs = [row.run for row in rows if row.run]
    if runs:
        lines += ["## Runs", ""]
        for run in runs:
            lines += _provenance(run)
        lines.append("")
    return "\n".join(lines)


def _markdown_line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _markdown_cells(row: Row) -> list[str]:
    figure, run = row.figure, row.run
    quoted = "-"
    if figure:
        quoted = f"{'<= ' if figure.is_bound else ''}{figure.value:g}"
        if figure.source != published.TABLE:
            quoted += f" ({figure.source})"
    if run is None:
        return [row.system, quoted, *["-"] * 9]
    summary = run.summary
    return [
        row.system,
        quoted,
        f"{run.bound:.2f} +- {run.standard_error:.2f}",
        f"{-summary['log_likelihood']:.2f}",
        *(f"{summary[term]:.2f}" for term in TERMS[1:]),
        f"{summary['memory_floats_per_image']:,g}",
        f"{summary['parameters']:,}",
        f"{summary['images_per_second']:,.0f}",
        run.protocol,
    ]


def _provenance(run: Run) -> list[str]:
    summary = run.summary
    return [
        f"* {run.system} on {run.data.title}, {run.name}: seed {summary['seed']}, "
        f"{summary['steps']:,} steps in {summary['seconds'] / 60:.1f} minutes, "
        f"{summary['device']}, config {summary['config_hash']}, "
        f"revision {summary.get('git_revision') or 'unknown'}",
        "",
        f"      {summary['command']}",
        "",
    ]


CSV_FIELDS = (
    "data",
    "system",
    "unit",
    "published",
    "source",
    "ours",
    "standard_error",
    *TERMS,
    "memory_floats_per_image",
    "parameters",
    "images_per_second",
    "protocol",
    "split",
    "seed",
    "steps",
    "seconds",
    "device",
    "config_hash",
    "git_revision",
    "command",
    "run",
)


def to_csv(rows: Sequence[Row]) -> str:
    """The same rows as CSV, figures unrounded; empty where there is none."""
    stream = io.StringIO()
    writer = csv.DictWriter(
        stream, CSV_FIELDS, restval="", extrasaction="ignore", lineterminator="\n"
    )
    writer.writeheader()
    for row in rows:
        fields: dict[str, Any] = dict(row.run.summary) if row.run else {}
        if row.figure:
            fields.update(published=row.figure.value, source=row.figure.source)
        if row.run:
            fields.update(
                ours=row.run.bound,
                standard_error=row.run.standard_error,
                protocol=row.run.protocol,
                run=row.run.name,
            )
        fields.update(data=row.data.name, system=row.system, unit=row.data.unit)
        writer.writerow(fields)
    return stream.getvalue()

"""Cells and tables of the reports, as Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

NOT_RUN = "not run"


def terms(figures: Mapping[str, Any]) -> list[str]:
    """Cells of the bound's four terms, the first as it enters the bound."""
    likelihood = figures.get("log_likelihood")
    return [
        number(None if likelihood is None else -likelihood),
        *(number(figures.get(f"kl_{name}")) for name in ("latents", "keys", "memory")),
    ]


def number(value: float | None, decimals: int = 2, sign: bool = False) -> str:
    """A number as a cell; None is not run."""
    if value is None:
        return NOT_RUN
    return f"{value:{'+' if sign else ''},.{decimals}f}"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a Markdown table, and an empty one."""
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"a row has one cell a column: {columns}. Received: {row}")
    yield "| " + " | ".join(columns) + " |"
    yield "| " + " | ".join(":---" for _ in columns) + " |"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""

"""Cells and tables of Markdown. What is None is a "-"."""

from collections.abc import Iterator, Sequence
from typing import Any

MISSING = "-"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a Markdown table, and an empty one; one line that says so without rows.

    Raises:
      ValueError: if a row has more or fewer cells than there are columns.
    """
    if not rows:
        yield "Not measured yet.\n"
        return
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"a row has one cell a column: {columns}. Received: {row}")
    for row in (columns, [":---", *["---:"] * (len(columns) - 1)], *rows):
        yield "| " + " | ".join(row) + " |"
    yield ""


def number(value: float | None, decimals: int = 2) -> str:
    """A number with so many decimals."""
    return MISSING if value is None else f"{value:,.{decimals}f}"


def cell(value: Any) -> str:
    """Anything: a float with four digits, an integer whole."""
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return MISSING if value is None else str(value)

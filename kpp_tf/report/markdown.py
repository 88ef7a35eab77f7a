"""Tables of Markdown and their cells. A missing value is a "-"."""

from collections.abc import Mapping, Sequence
from typing import Any

from kpp_tf.report.published import BITS

MISSING = "-"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table that ends in an empty line; one sentence if there are no rows.

    Raises:
      ValueError: if a row has another number of cells than there are columns.
    """
    if not rows:
        return "Not measured yet.\n"
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(
                f"a row needs a cell for each of {columns}. Received: {row}"
            )
    lines = (columns, [":---", *["---:"] * (len(columns) - 1)], *rows)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(value: Any) -> str:
    """Any value: floats with four significant digits, integers in full."""
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return MISSING if value is None else str(value)


def bound(found: Mapping[str, Any] | None, error: bool = True) -> str:
    """A bound of a result file: two decimals in nats, three in bits.

    Args:
      found: `value`, `standard_error` and, if it is not nats/image, `unit`.
      error: whether the standard error follows.
    """
    if found is None:
        return MISSING
    decimals = 3 if found.get("unit") == BITS else 2
    text = f"{found['value']:,.{decimals}f}"
    return f"{text} +- {found['standard_error']:,.{decimals}f}" if error else text

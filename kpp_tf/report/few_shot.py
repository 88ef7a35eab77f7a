"""The table of few-shot generation, beside the published curves."""

from collections.abc import Iterator, Mapping
from typing import Any

from kpp_tf.report import published
from kpp_tf.report.markdown import number, table

SEEN = (0, 1, 2, 3, 4, 5, 9, 10, 19)
DRAWN = ("without_replacement", "with_replacement")


def lines(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Lines of Markdown: a row for each model and way of drawing, then the published.

    Args:
      found: by the name of a model, what `kpp_tf.evaluation.few_shot_protocol` returns.
    """
    rows = []
    for name, curves in found.items():
        for drawn in DRAWN:
            points = {point["seen"]: point for point in curves[drawn]}
            cells = (_cell(points.get(seen)) for seen in SEEN)
            rows.append([f"{name}, {drawn.replace('_', ' ')}", *cells])
    for title, values in published.FEW_SHOT.items():
        cells = (number(values.get(seen), 1) for seen in SEEN)
        rows.append([f"{title}, published", *cells])
    yield from table(("nats per image, after", *map(str, SEEN)), rows)
    yield f"{published.FEW_SHOT_NOTE}\n"


def _cell(point: Mapping[str, float] | None) -> str:
    if point is None:
        return number(None)
    return f"{number(point['value'])} +- {number(point['standard_error'])}"

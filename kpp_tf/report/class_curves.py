"""Few-shot curves: the cost of the next image of a class, by the images seen."""

from collections.abc import Mapping
from typing import Any

from kpp_tf.report import published
from kpp_tf.report.markdown import MISSING, bound, table

SEEN = (0, 1, 2, 3, 4, 5, 9, 10, 19)
DRAWN = {"with_replacement": "with copies, as published", "without_replacement": "new"}


def curves(found: Mapping[str, Mapping[str, Any]]) -> str:
    """A table with a row for each model and way of drawing, and the published rows.

    The last column is the gain of nine images: the first cost less the last.

    Args:
      found: what `kpp_tf.evaluation.few_shot` returned, by the name of the model.
    """
    rows = []
    for name, result in found.items():
        for drawn, words in DRAWN.items():
            points = {point["seen"]: point for point in result[drawn]}
            cells = [bound(points.get(seen)) for seen in SEEN]
            values = {seen: point["value"] for seen, point in points.items()}
            rows.append([f"{name}, {words}", *cells, _gain(values)])
    for title, values in published.FEW_SHOT.items():
        cells = [str(values.get(seen, MISSING)) for seen in SEEN]
        rows.append([f"{title}, published", *cells, _gain(values)])
    return table(("nats per image, after", *map(str, SEEN), "gain by 9"), rows)


def _gain(values: Mapping[int, float]) -> str:
    first, last = values.get(0), values.get(9)
    return MISSING if first is None or last is None else f"{first - last:.1f}"

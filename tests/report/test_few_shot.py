"""The table of few-shot curves."""

from kpp_tf.report import few_shot, published


def test_a_row_for_each_way_of_drawing_beside_the_published():
    curve = [{"seen": 0, "value": 95.0, "standard_error": 0.25}]
    copies = [{"seen": 1, "value": 85.5, "standard_error": 0.5}]
    lines = list(
        few_shot.lines(
            {"ours": {"without_replacement": curve, "with_replacement": copies}}
        )
    )
    head, _, new, drawn_again, *others = lines
    assert head.startswith("| nats per image, after | 0 | 1 | 2 |")
    assert new.startswith("| ours, without replacement | 95.00 +- 0.25 | - |")
    assert drawn_again.startswith("| ours, with replacement | - | 85.50 +- 0.50 | - |")
    assert any("| 90.9 | 82.8 |" in line for line in others)
    assert lines[-1].startswith(published.FEW_SHOT_NOTE)

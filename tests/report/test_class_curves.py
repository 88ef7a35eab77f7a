"""The table of few-shot curves."""

from kpp_tf.report.class_curves import curves


def test_models_stand_above_the_published_curves_with_what_nine_images_gain():
    new = [
        {"seen": 0, "value": 95.0, "standard_error": 0.25},
        {"seen": 9, "value": 85.5, "standard_error": 0.5},
    ]
    copies = new[:1]
    found = curves({"ours": {"without_replacement": new, "with_replacement": copies}})
    head, _, with_copies, without, gmn, vma = found.splitlines()
    assert head.startswith("| nats per image, after | 0 | 1 | 2 |")
    assert with_copies.startswith(
        "| ours, with copies, as published | 95.00 +- 0.25 | -"
    )
    assert with_copies.endswith("| - |")
    assert without.startswith("| ours, new | 95.00 +- 0.25 | - |")
    assert without.endswith("| 85.50 +- 0.50 | - | - | 9.5 |")
    assert "| 90.9 | 82.8 |" in gmn and gmn.endswith("| 64.6 | - | - | 26.3 |")
    assert vma.endswith("| 76.2 | 73.9 | - |")

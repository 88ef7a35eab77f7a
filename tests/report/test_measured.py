"""Tables from made-up files: each number in its place, and none made up."""

import re

import pytest

from kpp_tf.report import measured, published, results
from kpp_tf.report.results import Result
from tests.test_repository import ROOT


def bound(value, unit="nats/image"):
    return {"value": value, "standard_error": 0.25, "unit": unit}


CONTENT = {
    "data": "binarized_mnist",
    "stored": bound(13.375),
    "unseen": bound(86.125),
    "predictive": bound(84.5),
    "swapped": bound(1234.5),
    "predictive_curve": [
        {"seen": 0, "value": 90.25, "standard_error": 0.5},
        {"seen": 9, "value": 81.75, "standard_error": 0.5},
    ],
    "nudge": {
        "one_cell": {"class_kept": 0.4375, "pixel_distance": 0.0625},
        "same_class": 0.1015625,
    },
    "scale_sweep": [{"bound": 14.5, "width": 0.25}, {"diversity": 0.5, "width": 12.0}],
    "terms": {"stored": {"log_likelihood": -9.5, "kl_keys": 3.75}},
    "memory_floats_per_image": 99.0,
    "rate": [
        {**bound(13.375), "code": "model, memory of float32", "bits_per_image": 3168},
        {**bound(40.25), "code": "PCA, 88 numbers", "bits_per_image": 2816},
    ],
    "episode_length": 32,
    "step": 14000,
    "train_command": "python tools/train.py --config=configs/binarized_mnist.py",
    "command": "python tools/evaluate.py --pretrained=binarized_mnist",
}
KPP = Result("kpp", "binarized_mnist", CONTENT)


def rows(name, *found):
    """A table's lines as dicts by column."""
    lines = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in measured.tables(found)[name].splitlines()
    ]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[2:]]


def test_readme_has_the_reference_and_the_published_figure():
    vae = Result("vae", "binarized_mnist", {"unseen": bound(91.5)})
    first, second, *_ = rows("readme", KPP, vae)
    assert list(first.values()) == [
        "Binarized MNIST, nats/image",
        "13.38 +- 0.25",
        "86.12 +- 0.25",
        "91.50 +- 0.25",
        "41.58",
    ]
    assert list(second.values())[1:] == ["-", "-", "-", "66.24"]


def test_the_glance_has_three_bounds_and_the_published_one():
    glance = {row[""]: row for row in rows("glance", KPP)}
    column = "Binarized MNIST, nats/image"
    assert glance["**K++**"][column] == "13.38 / 86.12 / 84.50 (41.58)"
    assert glance["**GPM**"][column] == "- (31.48)"
    assert glance["PCA, 88 numbers: stored, no network"][column] == "40.25"


def test_every_published_figure_is_there_without_any_of_ours():
    glance = {row[""]: row for row in rows("glance")}
    for system, figures in published.STORED.items():
        row = glance[f"**{published.SYSTEMS[system]}**"]
        for data, value in figures.items():
            known = published.DATA_SETS[data]
            assert row[f"{known.title}, {known.unit}"] == f"- ({value:g})"
    text = measured.tables([])["glance"]
    for model in published.WITHOUT_MEMORY:
        assert f"{model.model} {model.value:g}" in text


def test_bits_have_three_decimals_and_variants_their_own_row():
    small = Result("kpp", "cifar10_int8", {"stored": bound(3.0156, "bits/dim")})
    (row,) = rows("bounds", small)
    assert row["file"] == "`kpp/cifar10_int8`" and row["stored"] == "3.016 +- 0.250"
    assert "3.016" not in measured.tables([small])["glance"]


def test_the_appendix_has_every_quantity():
    (bounds,) = rows("bounds", KPP)
    assert bounds["swapped"] == "1,234.50 +- 0.25"
    assert bounds["memory floats per image"] == "99"
    (run,) = rows("runs", KPP)
    assert (run["episode length"], run["step"], run["hours"]) == ("32", "14,000", "-")
    (curve,) = rows("predictive_curve", KPP)
    assert (curve["0"], curve["1"], curve["9"]) == ("90.25", "-", "81.75")
    (terms,) = rows("terms", KPP)
    assert terms["of"] == "stored" and terms["log likelihood"] == "-9.5"
    moved, chance = rows("nudge", KPP)
    assert (moved["of"], moved["class kept"]) == ("one cell", "0.4375")
    assert (chance["of"], chance["value"]) == ("same class", "0.1016")
    fine, wide = rows("scale_sweep", KPP)
    assert list(fine)[1] == "width" and fine["width"] == "0.25"
    assert (fine["bound"], wide["bound"], wide["diversity"]) == ("14.5", "-", "0.5")
    assert rows("rate", KPP)[1]["bits per image"] == "2,816"


def test_ablations_are_a_table_of_their_own_with_the_base_first():
    variants = [
        Result(results.ABLATIONS, name, {**CONTENT, "command": f"evaluate {name}"})
        for name in ("another", "base", "one_more")
    ]
    found = rows("ablations", *variants)
    assert [row["variant"] for row in found] == ["base", "another", "one more"]
    assert found[0]["stored"] == "13.38 +- 0.25" and found[0]["class kept"] == "43.8%"
    tables = measured.tables(variants)
    assert "13.38" not in tables["glance"]
    assert re.findall("evaluate .*", tables["commands"]) == [
        "evaluate base  # ablations/base"
    ]


def test_commands_name_their_file():
    lines = measured.tables([KPP])["commands"].splitlines()
    assert lines[1] == f"{CONTENT['train_command']}  # kpp/binarized_mnist"
    assert lines[2] == f"{CONTENT['command']}  # kpp/binarized_mnist"


@pytest.mark.parametrize(
    "result", results.read(ROOT / "results"), ids=lambda result: result.file
)
def test_models_are_of_test_images_and_variants_of_validation_images(result):
    """A run with another test split keeps it in its preset's config."""
    expected = "validation" if result.system == results.ABLATIONS else "test"
    assert result.content["split"] == expected

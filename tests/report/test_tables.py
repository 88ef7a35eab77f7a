"""RESULTS.md from made-up files: each number in its place, and none made up."""

import re
from pathlib import Path

from kpp_tf.report import published, results, tables
from kpp_tf.report.results import Result

ROOT = Path(__file__).resolve().parents[2]


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
        "one_cell": {
            "class_kept": 0.4375,
            "standard_error": 0.0125,
            "pixel_distance": 0.0625,
        },
        "same_class": 0.1015625,
        "half_way": {"frechet": 7.25, "frechet_pixel_average": 31.5},
    },
    "scale_sweep": [{"bound": 14.5, "width": 0.25}, {"diversity": 0.5, "width": 12.0}],
    "samples": {"prior": {"frechet": 3.125}, "written": {"novelty": 0.0}, "images": 9},
    "terms": {
        "stored": {"log_likelihood": -9.5, "kl_latents": 0.125, "kl_keys": 3.75},
    },
    "memory_floats_per_image": 99.0,
    "rate": [
        {**bound(13.375), "code": "model, memory of float32", "bits_per_image": 3168},
        {**bound(16.625), "code": "model, memory of int4", "bits_per_image": 484},
        {**bound(40.25), "code": "PCA, 88 numbers", "bits_per_image": 2816},
    ],
    "episode_length": 32,
    "step": 14000,
    "git_revision": "0123456789abcdef0123456789abcdef01234567+changes",
    "command": "python tools/evaluate.py --pretrained=binarized_mnist",
}
KPP = Result("kpp", "binarized_mnist", CONTENT)


def rows(markdown, section):
    """Lines of a section's table as dicts by column."""
    (text,) = (p for p in re.split(r"\n## ", markdown) if p.startswith(section))
    lines = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[2:]]


def test_the_first_table_has_the_three_bounds_and_the_published_one():
    markdown = tables.document([KPP])
    glance = {row[""]: row for row in rows(markdown, "At a glance")}
    column = "Binarized MNIST, nats/image"
    assert glance["**K++**"][column] == "13.38 / 86.12 / 84.50"
    assert glance["K++, published"][column] == "41.58"
    assert list(glance["**K++**"].values())[2:] == ["-"] * 4
    assert "**GPM**" not in glance and "**VAE, no memory**" in glance


def test_every_published_figure_is_there_without_any_of_ours():
    markdown = tables.document([])
    glance = {row[""]: row for row in rows(markdown, "At a glance")}
    for system, figures in published.STORED.items():
        row = glance[f"{published.SYSTEMS[system]}, published"]
        for data, value in figures.items():
            known = published.DATA_SETS[data]
            assert float(row[f"{known.title}, {known.unit}"]) == value
    for model in published.WITHOUT_MEMORY:
        assert f"{model.model} {model.value:g} ({model.source})" in markdown
    ours = [row for name, row in glance.items() if name.startswith("**")]
    assert {cell for row in ours for cell in list(row.values())[1:]} == {"-"}


def test_codes_without_a_network_stand_beside_the_models():
    markdown = tables.document([KPP, KPP._replace(system="km")])
    glance = {row[""]: list(row.values())[1:] for row in rows(markdown, "At a glance")}
    assert glance["**PCA, 88 numbers**, stored, no network"] == ["40.25", *["-"] * 4]
    assert "](docs/figures/stored_by_memory.png)" in markdown
    found = [list(row.values())[1:] for row in rows(markdown, "Stored bound")]
    assert found == [
        ["PCA, 88 numbers", "2,816", "40.25 +- 0.25 nats/image"],
        ["`km/binarized_mnist`", "484", "16.62 +- 0.25 nats/image"],
        ["`km/binarized_mnist`", "3,168", "13.38 +- 0.25 nats/image"],
        ["`kpp/binarized_mnist`", "484", "16.62 +- 0.25 nats/image"],
        ["`kpp/binarized_mnist`", "3,168", "13.38 +- 0.25 nats/image"],
    ]


def test_a_row_has_its_errors_its_memory_and_its_command():
    markdown = tables.document([KPP])
    assert rows(markdown, "Binarized MNIST") == [
        {
            "system": "K++",
            "stored, published": "41.58",
            "stored": "13.38 +- 0.25",
            "unseen": "86.12 +- 0.25",
            "predictive": "84.50 +- 0.25",
            "swapped": "1,234.50 +- 0.25",
            "importance-weighted": "-",
            "memory floats per image": "99",
            "file": "`kpp/binarized_mnist`",
        }
    ]
    command = "python tools/evaluate.py --pretrained=binarized_mnist"
    assert f"\n{command}  # kpp/binarized_mnist\n" in markdown


def test_another_size_of_memory_is_a_row_of_its_data_set_alone():
    small = Result("kpp", "binarized_mnist_792", {**CONTENT, "stored": bound(35.5)})
    markdown = tables.document([small, KPP])
    files = [row["file"] for row in rows(markdown, "Binarized MNIST")]
    assert files == ["`kpp/binarized_mnist_792`", "`kpp/binarized_mnist`"]
    assert "35.50 /" not in markdown


def test_bits_per_dim_have_three_decimals_and_other_units_are_named():
    bits = Result("km", "cifar10", {"stored": bound(3.0156, "bits/dim")})
    nats = Result("vae", "cifar10", {"unseen": bound(60.0)})
    first, second = rows(tables.document([nats, bits]), "CIFAR10")
    assert first["stored"] == "3.016 +- 0.250"  # KM stands before the VAE
    assert second["unseen"] == "60.00 +- 0.25 nats/image"


def test_data_that_the_source_has_not_are_a_section_of_their_own():
    glyphs = Result("kpp", "glyphs", {"data": "glyphs", "stored": bound(21.0)})
    (row,) = rows(tables.document([glyphs]), "glyphs")
    assert row["stored"] == "21.00 +- 0.25" and row["stored, published"] == "-"
    few_shot = Result("kpp", "few_shot", {"data": "few_shot", "stored": bound(22.0)})
    (row,) = rows(tables.document([few_shot]), "Few-shot Omniglot, nats/image")
    assert row["stored"] == "22.00 +- 0.25"


def test_terms_curve_nudge_and_records_are_read():
    markdown = tables.document([KPP])
    (terms,) = rows(markdown, "Terms")
    assert list(terms.values())[2:] == ["9.50", "0.12", "3.75", "-"]
    curve = rows(markdown, "Predictive bound")[0]
    assert (curve["0"], curve["1"], curve["9"]) == ("90.25", "-", "81.75")
    (nudge,) = rows(markdown, "A key that")
    assert nudge["class kept, 1"] == "43.8% +- 1.2%"
    assert nudge["pixels, 1"] == "0.062" and nudge["pixels, 1/4"] == "-"
    assert nudge["class kept, any other"] == "10.2%"
    assert nudge["Frechet, half-way"] == "7.25"
    fine, wide = rows(markdown, "Scale sweep")
    assert list(fine)[1] == "width" and fine["width"] == "0.25"
    assert (fine["bound"], fine["diversity"]) == ("14.5", "-")
    assert (wide["bound"], wide["diversity"]) == ("-", "0.5")
    assert [list(row.values())[1:] for row in rows(markdown, "Samples")] == [
        ["prior", "3.125", "-"],
        ["written", "-", "0"],
    ]
    (run,) = rows(markdown, "Protocol")
    assert (run["T"], run["step"], run["hours"]) == ("32", "14,000", "-")
    assert run["revision"] == "0123456789+changes"


def test_ablations_are_no_rows_of_a_data_set():
    variant = Result(results.ABLATIONS, "dealt_by_turn", CONTENT)
    markdown = tables.document([variant])
    (row,) = rows(markdown, "Ablations")
    assert row["variant"] == "dealt by turn" and row["stored"] == "13.38 +- 0.25"
    assert row["KL keys"] == "3.75" and row["class kept, 1 cell"] == "43.8% +- 1.2%"
    assert rows(markdown, "Binarized MNIST") == []


def test_the_base_is_the_first_ablation_and_tells_its_commands_for_all():
    variants = [
        Result(results.ABLATIONS, name, {**CONTENT, "command": f"evaluate {name}"})
        for name in ("another", "base", "one_more")
    ]
    markdown = tables.document(variants)
    names = [row["variant"] for row in rows(markdown, "Ablations")]
    assert names == ["base", "another", "one more"]
    assert [line for line in markdown.splitlines() if "evaluate " in line] == [
        "evaluate base  # ablations/base"
    ]


def test_every_row_of_the_table_is_of_test_images():
    """A run that was told another test split leaves it in its preset's config."""
    for result in results.read(ROOT / "results"):
        expected = "validation" if result.system == results.ABLATIONS else "test"
        assert result.content["split"] == expected, f"{result.system}/{result.name}"


def test_results_md_says_what_the_files_say():
    found = results.read(ROOT / "results")
    assert (ROOT / "RESULTS.md").read_text() == tables.document(found)

"""RESULTS.md from made-up result files: what is there, what is said to be missing."""

import re

import pytest

from kpp_tf import provenance
from kpp_tf.evaluation import published, result_files, results_report
from kpp_tf.evaluation.ablations import VARIANTS

EMPTY = result_files.ResultFiles({}, {}, {}, {})


def _run(**fields):
    return {
        "data": "binarized_mnist",
        "model": "kanerva_plus_plus",
        "bound": 25.5,
        "bound_standard_error": 0.125,
        "log_likelihood": -18.0,
        "kl_latents": 0.5,
        "kl_keys": 7.0,
        "kl_memory": 0.0,
        "bits_per_dim": 0.046924,
        "images_per_second": 1460.4,
        "memory_floats_per_image": 99.0,
        "parameters": 3_800_000,
        "seed": 0,
        "split": "test",
        "command": "python tools/train.py --config=configs/a.py",
        "steps": 1000,
        "seconds": 90.0,
        "config_hash": "0123456789ab",
        "git_revision": "abc",
        "config": {"data": {"episode_length": 32}},
        **fields,
    }


def _evaluation(**fields):
    return {
        **_run(command="python tools/evaluate.py --pretrained=mnist"),
        "pretrained": "mnist",
        "episode_length": 32,
        "trained_episode_length": 32,
        "memory_dtype": "float32",
        "memory_bits_per_image": 3168.0,
        "num_samples": 16,
        "importance_weighted_bound": 24.75,
        "bound_swapped_memory": 301.5,
        **fields,
    }


def _quality(**fields):
    return {
        "frechet_samples_to_held_out": 11.5,
        "frechet_refined_to_held_out": 9.25,
        "frechet_written_to_held_out": 1.125,
        "frechet_samples_to_written": 10.5,
        "frechet_refined_to_written": 8.5,
        "novelty": 0.625,
        "novelty_refined": 0.375,
        "largest_step": 0.8125,
        "path_length": 2.5,
        "classifier": {"accuracy": 0.9812},
        "command": "python tools/sample_quality.py",
        **fields,
    }


def _table(markdown, section, number=0):
    """Lines of a section's table as dicts by column."""
    text = re.split(r"\n#{2,3} ", markdown)
    text = next(part for part in text if part.startswith(section))
    blocks = [b for b in text.split("\n\n") if b.startswith("| ")]
    lines = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in blocks[number].splitlines()
    ]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[2:]]


def test_without_files_every_figure_of_ours_is_missing():
    markdown = results_report.to_markdown(EMPTY)
    for title in ("Binarized MNIST", "Binarized Omniglot", "Fashion MNIST"):
        rows = _table(markdown, title)
        assert rows[-1]["system"] == "K++, ours"
        assert rows[-1]["bound"] == "not run"
    ablations = _table(markdown, "Ablations")
    assert [row["variant"] for row in ablations] == [v.title for v in VARIANTS.values()]
    assert {row["bound, nats/image"] for row in ablations} == {"not run"}
    lengths = _table(markdown, "Episode length")
    assert [row["T"] for row in lengths] == ["8", "16", "32", "64"]
    assert {row["bound, nats/image"] for row in lengths} == {"not run"}
    dtypes = _table(markdown, "Precision")
    assert [r["stored as"] for r in dtypes] == ["float32", "bfloat16", "int8", "int4"]
    for column in ("bits/image", "room of float32s/image"):
        assert {row[column] for row in dtypes} == {"not run"}
    assert set(_table(markdown, "Samples")[0].values()) >= {"not run"}


def test_the_protocol_and_every_published_figure_are_there():
    markdown = results_report.to_markdown(EMPTY)
    assert "memory M was written from the very images that are scored" in markdown
    for title, name in (("Binarized MNIST", "binarized_mnist"),):
        rows = {row["system"]: row["bound"] for row in _table(markdown, title)}
        for figure in published.FIGURES:
            if figure.data == name:
                assert f"{figure.value:g}" in rows[f"{figure.system}, published"]
    assert published.PROTOCOLS["omniglot28"] in markdown


def test_our_run_stands_there_as_it_was_evaluated():
    results = EMPTY._replace(
        runs={"mnist": _run(bound=30.0)}, evaluations={"mnist": _evaluation()}
    )
    row = _table(results_report.to_markdown(results), "Binarized MNIST")[-1]
    assert row == {
        "system": "**K++, ours**",
        "bound": "**25.50** +- 0.12",
        "-ln p(x\\|z, m)": "18.00",
        "KL latents": "0.50",
        "KL keys": "7.00",
        "KL memory": "0.00",
        "IW": "24.75 [16]",
        "swapped": "301.50",
        "memory floats/image": "99",
        "weights": "3,800,000",
        "steps": "1,000",
        "images/s": "1,460",
        "minutes": "1.5",
        "seed": "0",
        "protocol": "test split; T=32; 1,000 steps",
        "from": "`results/evaluations/mnist.json`",
    }


def test_a_run_that_was_not_evaluated_lacks_what_only_that_gives():
    results = EMPTY._replace(runs={"mnist": _run(bound=30.0)})
    row = _table(results_report.to_markdown(results), "Binarized MNIST")[-1]
    assert row["bound"].startswith("**30.00**")
    assert row["IW"] == row["swapped"] == "not run"
    assert row["from"] == "`results/runs/mnist.json`"


def test_bits_per_dim_where_the_paper_has_them():
    run = _run(data="fashion_mnist", bits_per_dim=3.25)
    results = EMPTY._replace(runs={"fashion": run})
    row = _table(results_report.to_markdown(results), "Fashion MNIST")[-1]
    assert row["bound"].startswith("**3.25**")


def test_ablations_stand_against_the_base_and_name_the_best():
    results = EMPTY._replace(
        ablations={"base": _run(bound=40.0), "pooled": _run(bound=90.5)},
        quality={
            "ablation_base": _quality(),
            "ablation_pooled": _quality(
                frechet_samples_to_held_out=5.0, largest_step=0.25
            ),
        },
    )
    markdown = results_report.to_markdown(results)
    base, pooled, *rest = _table(markdown, "Ablations")
    assert base["against base"] == "+0.00" and pooled["against base"] == "+50.50"
    assert pooled["Frechet, samples"] == "5.00" and pooled["novelty"] == "0.62"
    assert pooled["from"] == "`results/ablations/pooled.json`"
    assert {row["bound, nats/image"] for row in rest} == {"not run"}
    assert f"* lowest bound: {VARIANTS['base'].title} (40.00)" in markdown
    assert "held-out images: pooled writer (5.00)" in markdown
    assert "smoothest key paths: pooled writer (0.25)" in markdown


def test_lengths_and_precisions_are_sorted_out_of_the_evaluations():
    results = EMPTY._replace(
        evaluations={
            "mnist": _evaluation(),
            "short": _evaluation(episode_length=8, bound=20.25),
            "long": _evaluation(episode_length=64, resized_memory=8, bound=27.25),
            "small": _evaluation(resized_memory=5, bound=28.25),
            "coarse": _evaluation(memory_dtype="int4", bound=26.75),
            "both": _evaluation(memory_dtype="int4", episode_length=8, bound=1.0),
        }
    )
    markdown = results_report.to_markdown(results)
    lengths = {row["T"]: row for row in _table(markdown, "Episode length")}
    assert list(lengths) == ["8", "16", "32*", "32, S=5", "64", "64, S=8"]
    assert lengths["64"]["bound, nats/image"] == "not run"
    assert lengths["64, S=8"]["bound, nats/image"].startswith("27.25")
    assert lengths["8"]["bound, nats/image"] == "20.25 +- 0.12"
    assert lengths["8"]["from"] == "`results/evaluations/short.json`"
    assert lengths["16"]["bound, nats/image"] == "not run"
    dtypes = {row["stored as"]: row for row in _table(markdown, "Precision")}
    assert dtypes["float32"]["bound, nats/image"].startswith("25.50")
    assert dtypes["float32"]["room of float32s/image"] == "99.0"
    assert dtypes["int4"]["bound, nats/image"].startswith("26.75")
    assert dtypes["int8"]["bound, nats/image"] == "not run"


def test_samples_have_their_floor_and_classifier():
    results = EMPTY._replace(
        quality={"mnist": _quality()}, evaluations={"mnist": _evaluation()}
    )
    (row,) = _table(results_report.to_markdown(results), "Samples")
    assert row["held-out, samples"] == "11.50" and row["floor"] == "1.12"
    assert row["classifier's accuracy"] == "98.1%"
    assert row["from"] == "`results/quality/mnist.json`"


def test_systems_are_compared_with_the_vae_of_as_many_steps():
    runs = {
        "vae": _run(model="vae", bound=105.0),
        "km": _run(model="kanerva_machine", bound=103.5),
        "dnc": _run(model="differentiable_neural_computer", bound=107.25),
        "long": _run(model="kanerva_plus_plus", bound=17.0, steps=8000),
    }
    markdown = results_report.to_markdown(EMPTY._replace(runs=runs))
    (line,) = (line for line in markdown.splitlines() if "Against the VAE" in line)
    assert "(1,000)" in line
    assert "-1.50" in line and "+2.25" in line and "-88" not in line
    del runs["vae"]
    markdown = results_report.to_markdown(EMPTY._replace(runs=runs))
    assert "Against the VAE" not in markdown


@pytest.mark.parametrize("folder", result_files.ResultFiles._fields)
def test_every_file_is_listed_with_its_command(folder):
    content = {"evaluations": _evaluation, "quality": _quality}.get(folder, _run)()
    results = EMPTY._replace(**{folder: {"name": content}})
    commands = results_report.to_markdown(results).split("## Commands")[1]
    assert f"`results/{folder}/name.json`" in commands
    assert f"      {content['command']}\n" in commands
    noted = EMPTY._replace(**{folder: {"name": {**content, "note": "Odd."}}})
    assert "  Odd.\n" in results_report.to_markdown(noted)


def test_results_md_says_what_the_files_say():
    """After a new figure: tools/write_results.py, and commit both."""
    found = result_files.read(result_files.FOLDER)
    written = (provenance.ROOT / "RESULTS.md").read_text()
    assert written == results_report.to_markdown(found)


def test_files_are_read_from_their_folders(tmp_path):
    assert result_files.read(tmp_path / "absent") == EMPTY
    (tmp_path / "quality").mkdir()
    (tmp_path / "quality" / "a.json").write_text('{"novelty": 1}')
    found = result_files.read(tmp_path)
    assert found == EMPTY._replace(quality={"a": {"novelty": 1}})

"""The results table, on made-up summaries."""

import csv
import io
import json

import pytest

from kpp_tf.evaluation import published, results_table


def summary(**fields):
    """A summary as the trainer writes it."""
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
        "device": "2 CPU cores",
        "git_revision": "abc",
        **fields,
    }


@pytest.fixture
def write_run(tmp_path):
    def write(name, config=None, **fields):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "summary.json").write_text(json.dumps(summary(**fields)))
        if config is not None:
            (folder / "config.json").write_text(json.dumps(config))
        return folder

    return write


def _lines(markdown, title):
    """The table's lines under a heading, as lists of cells."""
    section = markdown.split(f"## {title}")[1].split("##")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    return [[c.strip() for c in row.strip("|").split(" | ")] for row in rows]


def _table(tmp_path):
    return results_table.make_rows(results_table.find_runs([tmp_path / "runs"]))


def test_our_figure_stands_beside_the_published_one(write_run, tmp_path):
    write_run("kpp")
    lines = _lines(results_table.to_markdown(_table(tmp_path)), "Binarized MNIST")
    header, ours = lines[0], next(line for line in lines if line[0] == "K++")
    cells = dict(zip(header, ours, strict=True))
    assert cells["published"] == "<= 41.58"
    assert cells["ours"] == "25.50 +- 0.12"
    assert cells["-ln p(x\\|z, m)"] == "18.00"
    assert cells["KL keys"] == "7.00"
    assert cells["memory floats/image"] == "99"
    assert cells["weights"] == "3,800,000"
    assert cells["images/s"] == "1,460"
    # Figures without a run keep their lines, in the paper's order.
    assert [line[0] for line in lines[2:]] == [
        "DKM (Wu et al., 2018b)",
        "DKM w/ TSM",
        "GPM",
        "K++",
    ]


def test_every_published_figure_is_in_the_empty_table():
    rows = results_table.make_rows([])
    assert [row.figure for row in rows] == sorted(
        published.FIGURES,
        key=lambda f: (
            [d.name for d in published.DATA_SETS].index(f.data),
            published.SYSTEMS.index(f.system),
        ),
    )
    markdown = results_table.to_markdown(rows)
    for figure in published.FIGURES:
        assert f"{figure.value:g}" in markdown


@pytest.mark.parametrize(
    ("model", "shift", "system"),
    [
        ("variational_memory_addressing", "none", published.VMA),
        ("differentiable_neural_computer", "none", published.DNC),
        ("kanerva_machine", "none", published.KM),
        ("dynamic_kanerva_machine", "none", published.DKM),
        ("dynamic_kanerva_machine", "bidirectional", published.DKM_TSM),
        ("kanerva_plus_plus", "bidirectional", published.KPP),
        ("something_else", "none", "something_else"),
    ],
)
def test_a_run_finds_its_row(write_run, tmp_path, model, shift, system):
    config = {"model": {"encoder": {"shift": shift}}}
    write_run("run", config, model=model)
    (run,) = results_table.find_runs([tmp_path])
    assert run.system == system


def test_bits_per_dim_where_the_paper_has_them(write_run, tmp_path):
    write_run("run", data="cifar10", bound=6388.0, bits_per_dim=3.0)
    (run,) = results_table.find_runs([tmp_path])
    assert run.bound == 3.0
    assert run.standard_error == pytest.approx(0.125 * 3.0 / 6388.0)


def test_binarized_fashion_is_not_compared_with_256_levels(write_run, tmp_path):
    write_run("run", {"data": {"binarize": "fixed"}}, data="fashion_mnist")
    rows = _table(tmp_path)
    (ours,) = [row for row in rows if row.run]
    assert ours.figure is None
    assert ours.data.unit == published.NATS
    assert ours.data.title == "Fashion MNIST, fixed binarization"


def test_what_changes_the_protocol_is_said(write_run, tmp_path):
    config = {
        "data": {"episode_length": 16, "grouping": "class", "binarize": "none"},
        "model": {"leave_one_out": True, "address_samples": 4},
        "train": {"kl_warmup_steps": 2000},
    }
    write_run("run", config, split="validation", steps=1500)
    (run,) = results_table.find_runs([tmp_path])
    assert run.protocol == (
        "validation split; T=16; episodes grouped by class; VIMCO bound of 4 "
        "addresses; memory without the scored image; 1,500 steps; "
        "trained up to beta 0.75"
    )


def test_several_runs_of_a_system_are_sorted_by_bound(write_run, tmp_path):
    for name, bound in (("a", 30.0), ("b", 20.0), ("c", float("nan"))):
        write_run(name, bound=bound)
    names = [row.run.name.rsplit("/")[-1] for row in _table(tmp_path) if row.run]
    assert names == ["b", "a", "c"]


def test_csv_holds_the_same_rows_unrounded(write_run, tmp_path):
    write_run("kpp", bound=25.123456789)
    rows = _table(tmp_path)
    read = list(csv.DictReader(io.StringIO(results_table.to_csv(rows))))
    assert len(read) == len(rows)
    (ours,) = [row for row in read if row["run"]]
    assert ours["system"] == "K++" and ours["data"] == "binarized_mnist"
    assert float(ours["ours"]) == 25.123456789
    assert float(ours["published"]) == 41.58
    assert float(ours["log_likelihood"]) == -18.0
    assert all(row["ours"] == "" for row in read if not row["run"])


def test_every_run_says_where_it_came_from(write_run, tmp_path):
    write_run("kpp", git_revision=None)
    markdown = results_table.to_markdown(_table(tmp_path))
    assert "1,000 steps in 1.5 minutes, 2 CPU cores" in markdown
    assert "revision unknown" in markdown
    assert "python tools/train.py --config=configs/a.py" in markdown


def test_runs_below_two_overlapping_folders_count_once(write_run, tmp_path):
    folder = write_run("deep/er")
    assert len(results_table.find_runs([tmp_path, folder])) == 1


def test_a_summary_that_lacks_a_field_is_named(tmp_path):
    fields = summary()
    del fields["bound"]
    fields["seed"] = None
    (tmp_path / "summary.json").write_text(json.dumps(fields))
    with pytest.raises(ValueError, match=r"summary\.json .* Received: no bound, seed"):
        results_table.find_runs([tmp_path])


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_damaged_summary_is_named(tmp_path, text):
    (tmp_path / "summary.json").write_text(text)
    with pytest.raises(ValueError, match=r"summary\.json must hold .* Received:"):
        results_table.find_runs([tmp_path])


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Received: .*nowhere"):
        results_table.find_runs([tmp_path / "nowhere"])

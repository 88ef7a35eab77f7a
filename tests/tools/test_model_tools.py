"""Train, evaluate, draw, publish: the commands, on a small model."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from kpp_tf.report import documents
from tests.programs import ROOT, done, tool

SMALL = {
    "data.train_split": "validation",
    "data.test_split": "validation",
    "data.episode_length": 8,
    "data.episodes_per_batch": 2,
    "model.memory_size": 3,
    "model.memory_depth": 8,
    "model.latent_size": 4,
    "model.encoder.widths": "(8,)",
    "model.encoder.blocks": "(1,)",
    "model.encoder.embedding_size": 16,
    "model.decoder.widths": "(8,)",
    "model.decoder.blocks": "(1,)",
    "model.decoder.hidden": 8,
    "train.steps": 1,
    "train.steps_per_loop": 1,
    "eval.episodes_per_batch": 32,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of one step."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    done(
        "train",
        f"--config={ROOT / 'configs' / 'glyphs.py'}",
        *(f"--config.{name}={value}" for name, value in SMALL.items()),
        f"--workdir={folder}",
        "--notensorboard",
        "--noexport",
    )
    return folder


def test_evaluate_reproduces_the_trainers_bound(run, tmp_path):
    target = tmp_path / "bound.json"
    process = done(
        "evaluate",
        f"--workdir={run}",
        "--quantities=stored,unseen,predictive",
        f"--json={target}",
    )
    results = json.loads(target.read_text())
    assert json.loads(process.stdout[process.stdout.index("{") :]) == results
    assert f"Wrote {target}" in process.stderr
    summary = json.loads((run / "summary.json").read_text())
    stored = results["stored"]
    assert stored["value"] == pytest.approx(summary["bound"], rel=1e-4)
    error = summary["bound_standard_error"]
    assert stored["standard_error"] == pytest.approx(error, rel=1e-4)
    for name in ("log_likelihood", "kl_keys"):
        assert results["terms"]["stored"][name] == pytest.approx(summary[name], 1e-4)
    assert stored["images"] == results["unseen"]["images"] == 2000
    curve = [point["value"] for point in results["predictive_curve"]]
    assert results["predictive"]["value"] == pytest.approx(sum(curve) / 8, rel=1e-4)
    assert results["memory_bits_per_image"] == 32 * results["memory_floats_per_image"]
    assert results["step"] == 1 and results["images_seen"] == 16
    assert results["command"].startswith(
        "python tools/evaluate.py --workdir=runs/small"
    )


def test_generate_writes_pictures(run, tmp_path):
    process = done("generate", f"--workdir={run}", f"--out={tmp_path / 'pictures'}")
    files = sorted((tmp_path / "pictures").iterdir())
    assert {"samples", "walk", "memory_map"} < {file.stem for file in files}
    said = f"Wrote {tmp_path / 'pictures'}: {len(files)} pictures.\n"
    assert process.stdout.endswith(said)
    for file in files:
        Image.open(file).verify()


def test_generate_draws_as_many_images_as_asked_for(run, tmp_path):
    target = tmp_path / "drawn.npz"
    command = ("generate", f"--workdir={run}", "--num_images=300", f"--out={target}")
    flags = ("--seed=3", "--temperature=0.5", "--memory_size=2")
    process = done(*command, *flags)
    assert "8 images do not fit a memory of 4" in process.stderr
    assert process.stdout.endswith(f"Wrote {target}: 300 images.\n")
    with np.load(target) as stored:
        assert stored["images"].shape == (300, 28, 28, 1)
    again = tool(*command)
    assert again.returncode == 1 and "nothing is overwritten" in again.stderr


@pytest.mark.slow
def test_evaluate_measures_all_that_counts(run, tmp_path):
    target = tmp_path / "all.json"
    flags = ("--num_samples=2", "--batches=4", f"--json={target}")
    done("evaluate", f"--workdir={run}", *flags, cwd=tmp_path)
    results = json.loads(target.read_text())
    bounds = ("stored", "unseen", "predictive", "swapped", "importance_weighted")
    for name in bounds:
        assert set(results[name]) >= {"value", "standard_error", "unit"}
    for name in ("nudge", "scale_sweep", "samples", "attractor", "rate"):
        assert results[name]
    assert set(results["terms"]) == {"stored", "unseen", "swapped"}
    assert [point["seen"] for point in results["predictive_curve"]] == list(range(8))


def test_evaluate_takes_other_memories_and_lengths(run, tmp_path):
    target = tmp_path / "stored.json"
    process = done(
        "evaluate",
        f"--workdir={run}",
        "--quantities=stored",
        "--episode_length=5",
        "--memory_size=2",
        f"--json={target}",
    )
    results = json.loads(target.read_text())
    assert results["episode_length"] == 5 and results["trained_episode_length"] == 8
    assert results["resized_memory"] == 2 and results["capacity"] == 4
    assert "--memory_size=3 holds them all" in process.stderr
    assert "unseen" not in results


def test_evaluate_goes_on_with_what_is_missing(run, tmp_path):
    target = tmp_path / "some.json"
    target.write_text("{}")
    command = ("evaluate", f"--workdir={run}", f"--json={target}", "--batches=1")
    refused = tool(*command, "--quantities=stored")
    assert refused.returncode == 1 and "results of other weights" in refused.stderr
    assert target.read_text() == "{}"
    target.unlink()
    done(*command, "--quantities=attractor")
    first = json.loads(target.read_text())
    # Were it measured again, it would be another.
    target.write_text(json.dumps({**first, "attractor": "kept"}))
    added = done(*command, "--quantities=attractor,held_curve")
    assert "measuring attractor" not in added.stderr
    results = json.loads(target.read_text())
    assert results["attractor"] == "kept"
    assert [point["held"] for point in results["held_curve"]] == [0, 1, 4, 7]
    assert results["command"] == first["command"]
    assert results["added_by"].keys() == {"held_curve"}
    other = tool(*command[:-1], "--quantities=stored", "--batches=2")
    assert other.returncode == 1
    assert "batches is 1 there, 2 here" in other.stderr
    assert json.loads(target.read_text()) == results


def test_evaluate_refuses_before_what_it_could_not_measure(run, tmp_path):
    target = tmp_path / "samples.json"
    command = ("evaluate", f"--workdir={run}", f"--json={target}", "--batches=1")
    refused = tool(*command, "--quantities=swapped,samples")
    assert refused.returncode == 1 and "measuring" not in refused.stderr
    assert "samples takes two batches of whole episodes" in refused.stderr
    assert not target.exists()


def test_evaluate_knows_its_quantities(run):
    process = tool("evaluate", f"--workdir={run}", "--quantities=stored,taste")
    assert process.returncode == 1
    assert "Received: ['taste']" in process.stderr


@pytest.mark.slow
def test_evaluate_watches_until_the_run_ends(run, tmp_path):
    target = tmp_path / "bound.json"
    done(
        "evaluate",
        f"--workdir={run}",
        "--watch",
        "--quantities=stored",
        f"--json={target}",
    )
    assert json.loads(target.read_text())["step"] == 1


@pytest.mark.slow
def test_a_run_is_published_evaluated_and_reported(run, tmp_path):
    publish = ("publish", "--name=small", "--out=models")
    done(*publish, f"--workdir={run}", cwd=tmp_path)
    card = tmp_path / "models" / "small" / "README.md"
    assert "Not measured." in card.read_text()
    again = tool(*publish, f"--workdir={run}", cwd=tmp_path)
    assert again.returncode == 1 and "move it away" in again.stderr

    evaluate = ("evaluate", "--pretrained=models/small", "--quantities=stored,unseen")
    done(*evaluate, "--json=results/kpp/glyphs.json", cwd=tmp_path)
    done(*publish, "--results=results/kpp/glyphs.json", cwd=tmp_path)
    results = json.loads((tmp_path / "results/kpp/glyphs.json").read_text())
    said = card.read_text()
    assert f"| {results['stored']['value']:.2f} +- " in said
    assert "--workdir=runs/small" in said and str(tmp_path) not in said

    for name in documents.FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    process = done("report", cwd=tmp_path)
    assert "from 1 files" in process.stderr
    report = (tmp_path / "docs" / "results_appendix.md").read_text()
    assert "python tools/evaluate.py --pretrained=models/small" in report
    assert results["hours"] >= 0 and results["train_command"] in report
    assert str(tmp_path) not in report


@pytest.mark.slow
def test_a_row_of_the_table_is_trained(tmp_path):
    flags = {f"--config.{name}={value}" for name, value in SMALL.items()}
    flags = {flag for flag in flags if ".model." not in flag or "coder" in flag}
    config = f"--config={ROOT / 'configs' / 'table.py'}:dkm_tsm,glyphs"
    done("train", config, *flags, f"--workdir={tmp_path / 'run'}", "--notensorboard")
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["model"] == "dynamic_kanerva_machine"

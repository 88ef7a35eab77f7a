"""Train, evaluate, draw, publish: the commands, on a small model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent.parent
SMALL = {
    "data.train_split": "validation",
    "data.test_split": "validation",
    "data.episode_length": 8,
    "data.episodes_per_batch": 2,
    "model.memory_size": 3,
    "model.memory_depth": 8,
    "model.latent_size": 2,
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


def _run(tool, *arguments, cwd=ROOT, **environment):
    return subprocess.run(
        [sys.executable, ROOT / "tools" / f"{tool}.py", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def _done(*arguments, **options):
    """Output of a tool that must go well."""
    process = _run(*arguments, **options)
    assert process.returncode == 0, process.stderr
    return process


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of one step."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    _done(
        "train",
        f"--config={ROOT / 'configs' / 'glyphs.py'}",
        *(f"--config.{name}={value}" for name, value in SMALL.items()),
        f"--workdir={folder}",
        "--notensorboard",
    )
    return folder


def test_evaluate_reproduces_the_trainers_bound(run, tmp_path):
    target = tmp_path / "bound.json"
    process = _done(
        "evaluate", f"--workdir={run}", "--num_samples=1", f"--json={target}"
    )
    results = json.loads(target.read_text())
    assert json.loads(process.stdout[process.stdout.index("{") :]) == results
    assert f"Wrote {target}" in process.stderr
    summary = json.loads((run / "summary.json").read_text())
    for name in ("bound", "log_likelihood", "kl_keys", "bound_standard_error"):
        assert results[name] == pytest.approx(summary[name], rel=1e-4)
    assert results["images"] == 2000
    assert results["memory_bits_per_image"] == 32 * results["memory_floats_per_image"]
    assert results["command"].startswith(
        "python tools/evaluate.py --workdir=runs/small"
    )


def test_generate_writes_pictures(run, tmp_path):
    process = _done("generate", f"--workdir={run}", f"--out={tmp_path / 'pictures'}")
    files = sorted((tmp_path / "pictures").iterdir())
    assert {"samples", "key_path", "memory_map"} < {file.stem for file in files}
    for file in files:
        assert f"Wrote {file}" in process.stderr
        Image.open(file).verify()


@pytest.mark.slow
def test_evaluate_takes_other_memories_bits_and_lengths(run, tmp_path):
    target = tmp_path / "bound.json"
    _done(
        "evaluate",
        f"--workdir={run}",
        "--num_samples=0",
        "--noswapped",
        "--memory_dtype=int4",
        "--episode_length=4",
        "--memory_size=2",
        f"--json={target}",
    )
    results = json.loads(target.read_text())
    assert results["episode_length"] == 4 and results["trained_episode_length"] == 8
    assert results["resized_memory"] == 2
    assert results["memory_floats_per_image"] == 32 / 4
    assert results["memory_bits_per_image"] == (32 * 4 + 8 * 32) / 4
    assert "importance_weighted_bound" not in results
    assert "bound_swapped_memory" not in results


@pytest.mark.slow
def test_evaluate_watches_until_the_run_ends(run, tmp_path):
    target = tmp_path / "bound.json"
    _done(
        "evaluate",
        f"--workdir={run}",
        "--watch",
        "--num_samples=0",
        f"--json={target}",
    )
    assert json.loads(target.read_text())["step"] == 1


def test_evaluate_wants_one_model(run):
    process = _run("evaluate", f"--workdir={run}", "--pretrained=small")
    assert process.returncode != 0
    assert "either --workdir" in process.stderr


@pytest.mark.slow
def test_a_run_is_published_drawn_and_reported(run, tmp_path):
    models = {"KPP_PRETRAINED_DIR": str(tmp_path / "models")}
    publish = ("publish", f"--workdir={run}", "--name=small", "--num_samples=2")
    _done(*publish, cwd=tmp_path, **models)
    assert (tmp_path / "models" / "small" / "weights.npz").exists()
    kept = json.loads((tmp_path / "results" / "runs" / "small.json").read_text())
    path = tmp_path / "results" / "evaluations" / "small.json"
    evaluation = json.loads(path.read_text())
    assert evaluation["pretrained"] == "small"
    assert evaluation["bound"] == pytest.approx(kept["bound"], rel=1e-2)

    again = _run(*publish, cwd=tmp_path, **models)
    assert again.returncode == 1 and "exists" in again.stderr

    _done("figures", "--out=figures", cwd=tmp_path, **models)
    assert (tmp_path / "figures" / "small" / "memory_map.png").exists()

    _done(
        "sample_quality",
        "--pretrained=small",
        "--split=test",
        "--steps=2",
        "--batches=2",
        "--iterations=1",
        "--json=results/quality/small.json",
        cwd=tmp_path,
        **models,
    )
    process = _done("write_results", cwd=tmp_path, **models)
    assert "from 3 files under results" in process.stderr
    report = (tmp_path / "RESULTS.md").read_text()
    assert f"**{evaluation['bound']:.2f}**" in report
    assert "`results/quality/small.json`" in report
    assert str(tmp_path) not in report


@pytest.mark.slow
def test_publish_refuses_what_is_no_finished_run(tmp_path):
    process = _run("publish", f"--workdir={tmp_path}", "--name=x", cwd=tmp_path)
    assert process.returncode == 1
    assert "not a finished run" in process.stderr


@pytest.mark.slow
def test_figures_need_a_model(tmp_path):
    process = _run("figures", KPP_PRETRAINED_DIR=str(tmp_path))
    assert process.returncode == 1
    assert "no pretrained model" in process.stderr


@pytest.mark.slow
@pytest.mark.real_data
def test_ablations_go_on_where_they_stopped(tfds_dir, tmp_path):
    command = (
        "ablations",
        "--variants=base,pooled",
        "--steps=1",
        "--noquality",
        "--override=data.train_split=validation",
        "--override=train.steps_per_loop=1",
        "--override=eval.episodes_per_batch=16",
        "--override=model.encoder.widths=(8,16)",
        "--override=model.encoder.embedding_size=16",
        "--override=model.decoder.hidden=8",
        "--workdir=runs/ablations",
        f"--data_dir={tfds_dir}",
    )
    process = _done(*command, cwd=tmp_path)
    assert "2 of 2 variants are done" in process.stdout
    results = tmp_path / "results" / "ablations"
    assert {path.name for path in results.iterdir()} == {"base.json", "pooled.json"}
    pooled = json.loads((results / "pooled.json").read_text())
    assert pooled["config"]["model"]["writer"] == "pooled" and pooled["steps"] == 1
    assert str(tfds_dir) not in pooled["command"]
    process = _done(*command, cwd=tmp_path)
    assert process.stdout.count("kept runs/ablations/") == 2

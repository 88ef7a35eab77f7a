"""tools/results_table.py as a command, with a stand-in for the trainer beside it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Notes how it was called; a config with "broken" in its name fails.
TRAINER = """
import json, pathlib, sys
flags = dict(a.lstrip("-").split("=", 1) for a in sys.argv[1:])
run = pathlib.Path(flags["workdir"])
run.mkdir(parents=True)
(run / "called.json").write_text(json.dumps(flags))
if "broken" in flags["config"]:
    sys.exit(3)
names = "data model bound bound_standard_error log_likelihood kl_latents kl_keys"
names += " kl_memory bits_per_dim images_per_second memory_floats_per_image parameters"
names += " seed split command steps seconds config_hash device"
summary = dict.fromkeys(names.split(), 1)
summary.update(data="omniglot28", model="kanerva_plus_plus", bound=12.5)
(run / "summary.json").write_text(json.dumps(summary))
"""


@pytest.fixture
def tool(tmp_path):
    """Runs the tool in a folder with two configs; returns the finished process."""
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "results_table.py", tmp_path / "tools")
    (tmp_path / "tools" / "train.py").write_text(TRAINER)
    for name in ("good", "other"):
        (tmp_path / f"{name}.py").touch()

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "tools/results_table.py", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def test_trains_every_config_then_writes_the_table(tool, tmp_path):
    flags = (
        "--config=*.py",
        "--workdir=runs",
        "--data_dir=data",
        "--override=train.steps=7",
        "--output=out/table",
    )
    done = tool(*flags)
    assert done.returncode == 0, done.stderr
    called = (tmp_path / "runs/good/called.json").read_text()
    assert '"config.train.steps": "7"' in called and '"data_dir": "data"' in called
    markdown = (tmp_path / "out/table.md").read_text()
    assert markdown.count("| K++ | <= 66.24 | 12.50 +- ") == 2
    assert (tmp_path / "out/table.csv").read_text().count("omniglot28,K++,") == 2
    assert "Wrote out/table.md" in done.stdout
    assert "The table has 2 of our runs" in done.stdout

    # Again: what is trained is kept, and the table is made anew.
    (tmp_path / "runs/good/called.json").unlink()
    again = tool(*flags)
    assert again.returncode == 0
    assert not (tmp_path / "runs/good/called.json").exists()
    assert "kept runs/good" in again.stdout
    assert "Replaced out/table.md" in again.stdout


def test_a_failed_run_does_not_stop_the_others(tool, tmp_path):
    (tmp_path / "broken.py").touch()
    done = tool("--config=*.py", "--workdir=runs", "--output=table")
    assert done.returncode == 1
    assert "Failed runs: broken" in done.stderr
    assert (tmp_path / "table.md").read_text().count("12.50") == 2


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--output=t"], "Give --runs"),
        (["--output=t", "--config=good.py"], "--config needs --workdir"),
        (["--output=t", "--runs=absent"], "Received: absent"),
        (["--output=t", "--config=no*", "--workdir=w"], "Received: no*"),
        (
            ["--output=t", "--config=good.py", "--workdir=w", "--override=a.b;c=1"],
            "Received: a.b;c=1",
        ),
        (["--runs=."], "--output"),
    ],
)
def test_wrong_flags_say_what_to_do(tool, tmp_path, flags, message):
    done = tool(*flags)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "t.md").exists()


@pytest.mark.slow
def test_trains_small_versions_with_the_real_trainer(tmp_path):
    """VMA, DNC and K++ on glyphs, in one command."""
    configs = [
        f"--config={ROOT / 'configs' / 'table' / name}_binarized_mnist.py"
        for name in ("vma", "dnc", "kpp")
    ]
    small = (
        "data.name=glyphs",
        "data.episode_length=4",
        "data.episodes_per_batch=2",
        "train.steps=2",
        "model.encoder.widths=(8,8,8)",
        "model.encoder.blocks=(1,1,1)",
        "model.decoder.widths=(8,)",
        "model.decoder.blocks=(1,)",
    )
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "tools" / "results_table.py"),
            *configs,
            *(f"--override={field}" for field in small),
            f"--workdir={tmp_path / 'runs'}",
            f"--output={tmp_path / 'table'}",
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr
    section = (tmp_path / "table.md").read_text().split("## glyphs")[1]
    for system in ("VMA (Born", "DNC (Graves", "K++"):
        assert f"| {system}" in section


def test_two_configs_of_one_name_are_refused(tool, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "good.py").touch()
    done = tool(
        "--config=good.py", "--config=deep/good.py", "--workdir=w", "--output=t"
    )
    assert done.returncode == 1
    assert "different file names" in done.stderr

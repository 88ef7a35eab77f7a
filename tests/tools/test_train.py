"""tools/train.py as people run it: stop, go on, and be refused."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _start(workdir, steps, *flags):
    command = [
        sys.executable,
        "tools/train.py",
        "--config=configs/faults.py",
        f"--config.train.steps={steps}",
        "--config.train.log_every=10",
        f"--workdir={workdir}",
        "--notensorboard",
        *flags,
    ]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def test_a_run_stops_on_sigterm_goes_on_and_ends(tmp_path):
    process = _start(tmp_path / "run", 100_000)
    for line in process.stderr:
        if line.startswith("step 10/"):
            break
    second = _start(tmp_path / "run", 100_000)
    _, text = second.communicate()
    assert second.returncode == 1
    assert f"run writes to the work directory: process {process.pid} on" in text
    process.terminate()
    _, rest = process.communicate()
    assert process.returncode == 143, rest
    assert "which is saved. The same command goes on." in rest
    saved = (tmp_path / "run" / "checkpoints").glob("ckpt-*.json")
    step = max(int(path.stem.removeprefix("ckpt-")) for path in saved)
    assert f"Stopped after step {step}," in rest

    process = _start(tmp_path / "run", step + 10)
    _, text = process.communicate()
    assert process.returncode == 0, text
    assert f"Going on at step {step:,}" in text
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["steps"] == step + 10 and summary["data"] == "glyphs"
    exported = tmp_path / "run" / "exported"
    wrote = text.splitlines()[-1]
    assert wrote.startswith(f"Wrote {tmp_path / 'run'}: summary.json, checkpoints/, ")
    assert wrote.endswith(f"metrics.csv; {exported / '1'}: a SavedModel, checked")
    assert [path.name for path in exported.iterdir()] == ["1"]
    assert (exported / "1" / "saved_model.pb").is_file()

    process = _start(tmp_path / "run", step + 10, "--config.seed=5")
    _, text = process.communicate()
    assert process.returncode == 1
    assert "seed: 0 there, 5 given" in text and "Traceback" not in text


@pytest.mark.slow
def test_a_run_starts_from_another_and_exports_where_it_is_told(tmp_path):
    _, text = _start(tmp_path / "first", 2, "--noexport").communicate()
    assert not (tmp_path / "first" / "exported").exists(), text
    told = f"--export_dir={tmp_path / 'served'}"
    flags = (f"--init_from={tmp_path / 'first'}", "--config.data.episodes_per_batch=2")
    process = _start(tmp_path / "second", 1, *flags, told)
    _, text = process.communicate()
    assert process.returncode == 0, text
    assert (tmp_path / "served" / "1" / "saved_model.pb").is_file()
    # The same command again makes no step, and no other version.
    process = _start(tmp_path / "second", 1, *flags, told)
    process.communicate()
    assert process.returncode == 0
    assert [path.name for path in (tmp_path / "served").iterdir()] == ["1"]
    process = _start(tmp_path / "third", 1, flags[0], "--config.model.hidden=8")
    _, text = process.communicate()
    assert process.returncode == 1
    assert text.endswith("hidden is 512, here 8\n") and "Traceback" not in text
    assert not (tmp_path / "third").exists()

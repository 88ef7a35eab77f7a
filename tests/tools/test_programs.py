"""Every program and every target of the Makefile, as users start it.

What other tests start already is named in `ELSEWHERE`, with the test that does.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request

import pytest

from tests.programs import ROOT, done, python

pytestmark = pytest.mark.slow

ELSEWHERE = {
    "tools/demo.py": "test_export",
    "tools/evaluate.py": "test_model_tools",
    "tools/explorer.py": "test_presets",
    "tools/export.py": "test_export",
    "tools/generate.py": "test_model_tools",
    "tools/inspect_model.py": "test_export",
    "tools/prepare_data.py": "test_prepare_data",
    "tools/publish.py": "test_model_tools",
    "tools/remember.py": "test_export",
    "tools/report.py": "test_model_tools",
    "tools/serving_client.py": "test_export",
    "tools/show_data.py": "test_show_data",
    "tools/train.py": "test_train",
    "tests/stand_ins/__main__.py": "make load",
    "tests/stand_ins/server.py": "make load",
    "tests/training/faults.py": "make faults",
    "tests/training/run_steps.py": "test_distribution",
}
HERE = {
    "tools/benchmark.py",
    "tools/launch_workers.py",
    "tools/make_mazes.py",
    "tests/explorer/picture.py",
}
# What they do is done by these tests; lock asks a package index.
UNTRIED_TARGETS = {"lock", "test", "test-pythons", "test-slow"}


def test_no_program_is_forgotten():
    sources = [*ROOT.glob("tools/*.py"), *ROOT.glob("tests/**/*.py")]
    programs = {
        path.relative_to(ROOT).as_posix()
        for path in sources
        if '\nif __name__ == "__main__"' in path.read_text()
    }
    assert programs == HERE | set(ELSEWHERE)


def test_no_target_is_forgotten():
    (names,) = re.findall(r"^\.PHONY: (.*)", (ROOT / "Makefile").read_text(), re.M)
    tried = {"help", "setup", "lint", "format", "clean", "demo", "explore"}
    assert set(names.split()) == tried | {"faults", "load"} | UNTRIED_TARGETS


@pytest.fixture
def make(tmp_path):
    """Function that runs make in a folder, with the environment of the tests."""
    for name in ("Makefile", "requirements-dev.txt", "pyproject.toml", "setup.py"):
        shutil.copy2(ROOT / name, tmp_path)

    def make(*words, folder=ROOT):
        binary = f"BIN={os.path.dirname(sys.executable)}"
        ready = tmp_path / "ready"
        ready.touch()  # what is installed here is not what is tried
        command = ["make", *words, binary, f"STAMP={ready}"]
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False
        )

    return make


def _well(process):
    assert process.returncode == 0, process.stderr[-2000:]
    return process.stdout


def test_make_help_and_setup_answer(make):
    said = _well(make("help"))
    assert "make explore" in said and "make faults" in said
    assert "Nothing to be done" in _well(make("setup"))


def test_make_lint_and_format_check_and_repair(make, tmp_path):
    (tmp_path / "kpp_tf").mkdir()
    (tmp_path / "tools").mkdir()
    source = tmp_path / "kpp_tf" / "a.py"
    source.write_text('"""A."""\n\nNAME   = "a"\n')
    (tmp_path / "tools" / "b.py").write_text('"""B."""\n')
    assert make("lint", folder=tmp_path).returncode != 0
    _well(make("format", folder=tmp_path))
    assert 'NAME = "a"' in source.read_text()
    _well(make("lint", folder=tmp_path))


def test_make_clean_leaves_runs(make, tmp_path):
    for name in ("build", "runs", "a/__pycache__", "kpp_tf.egg-info", "venv"):
        (tmp_path / name).mkdir(parents=True)
    _well(make("clean", f"VENV={tmp_path / 'venv'}", folder=tmp_path))
    left = {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert left == {"runs", "a"} and not list((tmp_path / "a").iterdir())


def test_make_demo_takes_arguments(make, tmp_path):
    _well(make("demo", f"ARGS=--out={tmp_path / 'demo'} --steps=1"))
    assert (tmp_path / "demo" / "report.json").is_file()


def test_make_explore_serves_the_page(tmp_path):
    if not (ROOT / "explorer" / "node_modules").is_dir():
        pytest.skip("no LiteRT.js: run `npm ci` in explorer/")
    page = f"PAGE={tmp_path / 'page' / 'index.html'}"
    words = ["make", "explore", page, "ARGS=--port=0", f"STAMP={ROOT / 'Makefile'}"]
    binary = f"BIN={os.path.dirname(sys.executable)}"
    with subprocess.Popen(
        [*words, binary],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            said = (line for line in process.stdout if line.startswith("http://"))
            with urllib.request.urlopen(next(said).split()[0]) as answer:
                assert b"Memory explorer" in answer.read()
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def test_make_faults_ends_in_a_report(make, tmp_path):
    out = f"--out={tmp_path / 'faults'}"
    said = _well(make("faults", f"ARGS=--kills=1 --noworkers {out}"))
    assert '"weights_equal": true' in said.splitlines()[-1]


def test_make_load_ends_in_a_report(make):
    said = make("load", "ARGS=--seconds=8 --clients=2").stdout
    last = said.splitlines()[-1]
    # A few seconds say nothing of the memory's growth, and so of "passed".
    assert '"errors": 0' in last and '"malformed_named"' in last


def test_benchmark_measures(tmp_path):
    json = tmp_path / "memory.json"
    done("benchmark", "memory", "--rounds=1", f"--json={json}")
    assert json.is_file()


def test_launch_workers_runs_a_program_twice(tmp_path):
    program = tmp_path / "worker.py"
    program.write_text("import os; print(os.environ['TF_CONFIG'])\n")
    logs = tmp_path / "logs"
    done("launch_workers", "--num_workers=2", f"--logs={logs}", "--", program)
    texts = [path.read_text() for path in sorted(logs.iterdir())]
    assert len(texts) == 2 and texts[0] != texts[1]


def test_make_mazes_draws(tmp_path):
    pytest.importorskip("labmaze", reason="labmaze is not installed")
    done("make_mazes", "--size=32", "--episodes=1,1,1", f"--data_dir={tmp_path}")
    assert list(tmp_path.glob("mazes/32x32/*/dataset_info.json"))


def test_picture_of_the_explorer_is_drawn(tmp_path):
    if not (shutil.which("chromium") and (ROOT / "explorer/node_modules").is_dir()):
        pytest.skip("no chromium or no LiteRT.js")
    page, out = tmp_path / "page", tmp_path / "explorer.png"
    done("explorer", "--preset=binarized_mnist", f"--out={page}", TFDS_DATA_DIR=None)
    process = python("-m", "tests.explorer.picture", page, out)
    assert process.returncode == 0, process.stderr
    assert out.read_bytes().startswith(b"\x89PNG")

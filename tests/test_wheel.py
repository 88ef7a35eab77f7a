"""What a wheel holds works where there is no source tree."""

import functools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kpp_tf import files
from tests.programs import ROOT, python

SOURCES = ("kpp_tf", "tools", "configs", "explorer")
FILES = ("pyproject.toml", "setup.py", "README.md", "LICENSE")
SHAPES = """
assert recalled.shape == nudged.shape == (8, 31, 28, 28, 1)
assert drawn.shape == imagined.shape == (8, 16, 28, 28, 1)
assert bound.shape == unseen.shape == (8, 31)
print(kpp_tf.__file__)
"""
IN_THE_TREE_ALONE = {"report"}  # it works on results/


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder that the wheel, built of a copy, was installed into."""
    source, site = (tmp_path_factory.mktemp(name) for name in ("source", "site"))
    for name in SOURCES:
        ignored = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir"]
    alone = ["--no-deps", "--no-index"]
    wheel = [*pip, "wheel", *alone, "--no-build-isolation", "--wheel-dir", source]
    install = [*pip, "install", *alone, "--target", site]
    subprocess.run([*wheel, source], check=True, capture_output=True)
    (path,) = source.glob("*.whl")
    subprocess.run([*install, path], check=True, capture_output=True)
    return site


@pytest.fixture
def run(site, tmp_path):
    """Function that runs Python in an empty folder, with the installed package."""
    return functools.partial(python, cwd=tmp_path, PYTHONPATH=str(site))


def test_the_readmes_snippet_runs(run, site, tmp_path):
    (snippet,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL
    )
    (tmp_path / "snippet.py").write_text(f"{snippet}\n{SHAPES}")
    done = run("snippet.py")
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(site)


def test_every_program_is_a_command(run, site):
    tools = {path.stem for path in (ROOT / "tools").glob("[!_]*.py")}
    commands = {path.name for path in (site / "bin").iterdir()}
    expected = {tool.replace("_", "-") for tool in tools - IN_THE_TREE_ALONE}
    assert commands == {f"kpp-{name}" for name in expected}
    for command in sorted(commands):
        done = run(site / "bin" / command, "--help")
        assert done.returncode == 0, done.stderr
        tool = command.removeprefix("kpp-").replace("-", "_")
        source = (ROOT / "tools" / f"{tool}.py").read_text()
        assert source.split('"""')[1].split("\n")[0] in done.stdout
        assert f"{command} " in done.stdout
        assert not re.search(r"tools/\w+\.py|configs/\w+\.py", done.stdout)


def test_commands_take_configs_by_name(run, site):
    commands = site / "bin"
    done = run(commands / "kpp-show-data", "--config=glyphs", "--out=grid.png")
    assert done.returncode == 0, done.stderr
    done = run(commands / "kpp-train", "--config=glyph", "--workdir=run")
    assert done.returncode == 1
    assert done.stderr.startswith("kpp-train: --config must name a file")
    assert "'glyphs'" in done.stderr


def test_the_package_is_typed_and_presets_bring_their_images(run, site):
    assert (site / "kpp_tf" / "py.typed").is_file()
    program = "import kpp_tf\nfor name in kpp_tf.presets():\n"
    program += "    print(name, *kpp_tf.example_images(name).shape)"
    done = run("-c", program)
    assert done.returncode == 0, done.stderr
    assert "cifar10 32 32 32 3" in done.stdout.splitlines()
    assert len(done.stdout.splitlines()) == 6


@pytest.mark.slow
def test_the_explorer_is_built_in_an_empty_folder(run, site, tmp_path):
    """LiteRT.js lies in the cache folder, as `npm ci` leaves it."""
    brought = ROOT / "explorer" / "node_modules"
    if not brought.is_dir():
        pytest.skip("no LiteRT.js: run `npm ci` in explorer/")
    lock = files.sha256(ROOT / "explorer" / "package-lock.json")[:12]
    shutil.copytree(brought, tmp_path / "cache" / "explorer" / lock / "node_modules")
    done = run(
        *(site / "bin" / "kpp-explorer", "--preset=binarized_mnist", "--out=page"),
        KPP_CACHE_DIR=str(tmp_path / "cache"),
        TFDS_DATA_DIR=None,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "page" / "index.html").is_file()
    assert (tmp_path / "page" / "litert_wasm.wasm").stat().st_size > 1_000_000


@pytest.mark.slow
def test_the_demo_runs_in_an_empty_folder(run, site, tmp_path):
    done = run(site / "bin" / "kpp-demo", "--out=demo", "--steps=1")
    assert done.returncode == 0, done.stderr
    assert "$ kpp-remember --images=" in done.stdout
    assert (tmp_path / "demo" / "report.json").is_file()

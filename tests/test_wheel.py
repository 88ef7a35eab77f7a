"""What a wheel holds works where there is no source tree."""

import functools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import ROOT, python

SOURCES = ("kpp_tf", "tools", "configs")
FILES = ("pyproject.toml", "setup.py", "README.md", "LICENSE")
SHAPES = """
assert recalled.shape == nudged.shape == (8, 31, 28, 28, 1)
assert drawn.shape == imagined.shape == (8, 16, 28, 28, 1)
assert bound.shape == unseen.shape == (8, 31)
print(kpp_tf.__file__)
"""
IN_THE_TREE_ALONE = {"demo", "explorer", "report"}  # they work on its folders


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder that the wheel, built of a copy, was installed into."""
    source, site = (tmp_path_factory.mktemp(name) for name in ("source", "site"))
    for name in SOURCES:
        ignored = shutil.ignore_patterns("__pycache__")
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


def test_commands_take_configs_by_name(run, site):
    commands = site / "bin"
    done = run(commands / "kpp-show-data", "--config=glyphs", "--out=grid.png")
    assert done.returncode == 0, done.stderr
    done = run(commands / "kpp-train", "--config=glyph", "--workdir=run")
    assert done.returncode == 1
    assert done.stderr.startswith("train: --config must name a file")
    assert "'glyphs'" in done.stderr

"""What holds for the repository as a whole: imports, their direction, the pins."""

import ast
import graphlib
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import kpp_tf

ROOT = Path(__file__).resolve().parent.parent

# Imports run down this list: a part may import the parts of rows above its own.
ROWS = (
    ("errors", "version"),
    ("files", "noise", "likelihoods"),
    ("config", "provenance"),
    ("validation",),
    ("data", "layers", "pretrained"),
    ("models",),
    ("plots",),
    ("evaluation",),
    ("training",),
    ("serving",),
    ("remember",),
    ("benchmarks",),
    ("report",),
    ("cli",),
)

# What the extras bring; labmaze has no wheel for Python 3.13.
OPTIONAL = frozenset(
    {"ai_edge_litert", "grpc", "huggingface_hub", "labmaze", "tensorflow_serving"}
)


def _sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(source: str, module: str, is_package: bool) -> Iterator[str]:
    """Yields the absolute dotted name of all that a module's source imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = node.level - is_package
                package = module.split(".")[: -up or None]
                base = ".".join([*package, *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _part(module: str) -> str | None:
    """`models` for `kpp_tf.models.dkm`, None for anything outside the package."""
    names = module.split(".")
    return names[1] if names[0] == "kpp_tf" and len(names) > 1 else None


def _row(part: str) -> int:
    for row, parts in enumerate(ROWS):
        if part in parts:
            return row
    raise AssertionError(f"kpp_tf.{part} has no place in ROWS; give it one")


def _allowed(importer: str, imported: str) -> bool:
    return imported == importer or _row(imported) < _row(importer)


def _modules() -> list[str]:
    walked = pkgutil.walk_packages(kpp_tf.__path__, prefix="kpp_tf.")
    return sorted(info.name for info in walked if "._" not in info.name)


@pytest.mark.parametrize("module", ["kpp_tf", *_modules()])
def test_public_module_imports(module: str) -> None:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name not in OPTIONAL:
            raise
        pytest.skip(f"{module} needs {error.name}, which is not installed")


@pytest.mark.parametrize("path", _sources("kpp_tf", "configs", "tools"), ids=_name)
def test_imports_run_one_way(path: Path) -> None:
    module = _name(path)
    importer = _part(module)
    above = ("tools", "tests", "configs") if importer else ("tools",)
    wrong = []
    for imported in _imports(path.read_text(), module, path.stem == "__init__"):
        if imported.split(".")[0] in above:
            wrong.append(imported)
        part = _part(imported)
        if importer and part and not _allowed(importer, part):
            wrong.append(imported)
    assert not wrong, f"{module} must not import {wrong}: imports run down ROWS"


def test_no_module_imports_itself_through_others() -> None:
    paths = {_name(path): path for path in _sources("kpp_tf")}
    graph = {}
    for module, path in paths.items():
        is_package = path.stem == "__init__"
        names = _imports(path.read_text(), module, is_package)
        # A name is a module, or something that a module holds.
        found = {n if n in paths else n.rpartition(".")[0] for n in names}
        graph[module] = (found & paths.keys()) - {module}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, with the cycle


def test_order_of_rows() -> None:
    assert _allowed("training", "evaluation") and _allowed("models", "models")
    assert not _allowed("evaluation", "training")
    assert not _allowed("data", "layers")  # of one row


def test_relative_imports_are_resolved() -> None:
    source = "from . import heads\nfrom ..models.dkm import Dkm\nimport kpp_tf.noise\n"
    expected = ["kpp_tf.layers.heads", "kpp_tf.models.dkm.Dkm", "kpp_tf.noise"]
    assert list(_imports(source, "kpp_tf.layers.tsm", False)) == expected
    package = list(_imports("from . import tsm", "kpp_tf.layers", True))
    assert package == ["kpp_tf.layers.tsm"]


def _requirements(name: str) -> list[str]:
    lines = (ROOT / name).read_text().splitlines()
    return [
        line for line in lines if line.strip() and not line.lstrip().startswith("#")
    ]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_pin_is_exact(name: str) -> None:
    pin = re.compile(r"[a-z0-9-]+==[0-9][0-9A-Za-z.+]*( ; .+)?")
    loose = [line for line in _requirements(name) if not pin.fullmatch(line)]
    assert not loose, f"{name} has lines that are no exact pin: {loose}"


def test_development_pins_contain_the_runtime_pins() -> None:
    runtime = set(_requirements("requirements.txt"))
    assert runtime <= set(_requirements("requirements-dev.txt"))


def test_pins_name_no_machine_and_no_index() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        assert "://" not in text and "--" not in text and " /" not in text

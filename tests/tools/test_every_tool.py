"""What holds for every program of tools/: it explains itself, and errs in one line."""

import json
import re
from pathlib import Path

import pytest

from kpp_tf.config import FILE, default
from kpp_tf.files import write_json
from tests.programs import ROOT, python

TOOLS = sorted(path.stem for path in (ROOT / "tools").glob("[!_]*.py"))
# Those that take the model of a run, with the flags that they insist on.
OF_A_MODEL = {
    "evaluate": (),
    "explorer": ("--out=out",),
    "export": ("--out=out",),
    "generate": ("--out=out",),
    "inspect_model": (),
}


def _run(tool, *flags, cwd=ROOT, before=""):
    """Runs a tool in a process of its own, after the statement `before`."""
    start = (
        f"import runpy, sys; sys.argv[0] = 'tools/{tool}.py'; {before}\n"
        f"runpy.run_path({str(ROOT / 'tools' / f'{tool}.py')!r}, run_name='__main__')"
    )
    return python("-c", start, *flags, cwd=cwd)


def _an_empty_run(folder):
    """Writes a run's config, with no checkpoint beside it."""
    write_json(folder / FILE, default().to_dict())


def _assert_one_line(process, tool):
    assert process.returncode == 1
    assert process.stderr.startswith(f"{tool}: "), process.stderr
    assert process.stderr.count("\n") == 1, process.stderr


@pytest.mark.parametrize("tool", TOOLS)
def test_help_names_every_flag_without_tensorflow(tool):
    # A module that is None cannot be imported.
    process = _run(tool, "--help", before="sys.modules['tensorflow'] = None")
    assert process.returncode == 0, process.stderr
    source = (ROOT / "tools" / f"{tool}.py").read_text()
    shared = {
        "define_data_dir": ("data_dir",),
        "define_config": ("config",),
        "DataFlags": ("data_dir", "split"),
        "ModelFlags": ("workdir", "pretrained", "which", "ema", "memory_size"),
        "StrategyFlags": ("strategy", "num_cpus", "tpu"),
    }
    names = set(re.findall(r'flags\.DEFINE_\w+\(\s*"(\w+)"', source))
    for function in re.findall(r"cli\.(\w+)\(", source):
        names.update(shared.get(function, ()))
    assert names
    shown = set(re.findall(r"--(?:\[no\])?(\w+)", process.stdout))
    assert names <= shown
    assert source.split('"""')[1].split("\n")[0] in process.stdout


@pytest.mark.parametrize("tool", [tool for tool in TOOLS if tool != "launch_workers"])
def test_a_stray_argument_is_refused_before_anything_is_done(tool, tmp_path):
    process = _run(tool, "--", "stray", "other", cwd=tmp_path)
    _assert_one_line(process, tool)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("tool", OF_A_MODEL)
def test_a_folder_that_is_no_run_is_refused(tool, tmp_path):
    before = "sys.modules['tensorflow'] = None"  # it is known before that starts
    for folder in ("missing", "."):
        process = _run(
            tool,
            f"--workdir={folder}",
            *OF_A_MODEL[tool],
            cwd=tmp_path,
            before=before,
        )
        _assert_one_line(process, tool)
        assert "no folder of a training run" in process.stderr
        assert f"Received: {folder}" in process.stderr
    for content in ("{", json.dumps([1]), json.dumps({"seed": 1}), b"\xff"):
        write = Path.write_bytes if isinstance(content, bytes) else Path.write_text
        write(tmp_path / "config.json", content)
        process = _run(
            tool, "--workdir=.", *OF_A_MODEL[tool], cwd=tmp_path, before=before
        )
        _assert_one_line(process, tool)
        assert "Received: config.json" in process.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


@pytest.mark.parametrize("tool", OF_A_MODEL)
def test_one_model_is_named(tool, tmp_path):
    if tool not in ("explorer", "inspect_model"):  # which can do without
        process = _run(tool, *OF_A_MODEL[tool], cwd=tmp_path)
        _assert_one_line(process, tool)
        assert "Exactly one of (workdir, pretrained" in process.stderr
    both = ("--workdir=a", "--pretrained=b")
    process = _run(tool, *both, *OF_A_MODEL[tool], cwd=tmp_path)
    _assert_one_line(process, tool)
    assert "one of (workdir, pretrained" in process.stderr


@pytest.mark.parametrize(
    ("module", "flags", "said"),
    [
        ("tensorflow_serving", (), ("kpp_tf[serving]", "--nowarm_up")),
        (
            "ai_edge_litert",
            ("--format=tflite",),
            ("kpp_tf[lite]", "--format=saved_model"),
        ),
    ],
)
def test_a_missing_extra_is_named_before_a_model_is_loaded(
    tmp_path, module, flags, said
):
    _an_empty_run(tmp_path)
    process = _run(
        "export",
        f"--workdir={tmp_path}",
        "--out=out",
        *flags,
        cwd=tmp_path,
        before=f"sys.modules['{module}'] = None",
    )
    _assert_one_line(process, "export")
    assert all(part in process.stderr for part in said)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_run_without_a_checkpoint_is_refused(tmp_path):
    _an_empty_run(tmp_path)
    process = _run("generate", "--workdir=.", "--out=out", cwd=tmp_path)
    _assert_one_line(process, "generate")
    assert "no newest checkpoint" in process.stderr


def test_drawing_flags_need_images_to_draw(tmp_path):
    process = _run("generate", "--workdir=.", "--out=out", "--seed=1", cwd=tmp_path)
    _assert_one_line(process, "generate")
    assert "go with --num_images" in process.stderr
    process = _run("generate", "--export=.", "--out=out", cwd=tmp_path)
    _assert_one_line(process, "generate")
    assert "--export takes --num_images" in process.stderr


@pytest.mark.parametrize("flag", ["pretrained", "preset"])
def test_the_explorer_takes_a_preset_by_either_name(tmp_path, flag):
    process = _run("explorer", f"--{flag}=nowhere", "--out=out", cwd=tmp_path)
    _assert_one_line(process, "explorer")
    assert "nowhere" in process.stderr


def test_a_report_of_nothing_is_refused(tmp_path):
    process = _run("report", cwd=tmp_path)
    _assert_one_line(process, "report")
    assert "Received: --results=results" in process.stderr
    assert not list(tmp_path.iterdir())

"""What holds for every program of tools/: it explains itself, and errs in one line."""

import re

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


def _refusal(tool, *flags, **options):
    """The line in which a tool refuses what it is asked for."""
    process = _run(tool, *flags, **options)
    assert process.returncode == 1
    assert process.stderr.startswith(f"{tool}: "), process.stderr
    assert process.stderr.count("\n") == 1, process.stderr
    return process.stderr


@pytest.fixture
def folder(tmp_path):
    """A folder with a run that has a config and no checkpoint."""
    write_json(tmp_path / "run" / FILE, default().to_dict())
    return tmp_path


@pytest.mark.parametrize("tool", TOOLS)
def test_help_names_every_flag_without_tensorflow(tool):
    # A module that is None cannot be imported.
    process = _run(tool, "--help", before="sys.modules['tensorflow'] = None")
    assert process.returncode == 0, process.stderr
    source = (ROOT / "tools" / f"{tool}.py").read_text()
    shared = {
        "define_data_dir": ("data_dir",),
        "define_config": ("config", "list"),
        "DataFlags": ("data_dir", "split"),
        "ModelFlags": ("workdir", "preset", "which", "ema", "memory_size"),
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
    _refusal(tool, "--", "stray", "other", cwd=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("tool", OF_A_MODEL)
def test_a_folder_that_is_no_run_is_refused(tool, tmp_path):
    def refusal(workdir):
        before = "sys.modules['tensorflow'] = None"  # it is known before that starts
        flags = f"--workdir={workdir}", *OF_A_MODEL[tool]
        return _refusal(tool, *flags, cwd=tmp_path, before=before)

    for folder in ("missing", "."):
        said = refusal(folder)
        assert "no folder of a training run" in said and f"Received: {folder}" in said
    for content in (b"{", b"[1]", b'{"seed": 1}', b"\xff"):
        (tmp_path / FILE).write_bytes(content)
        assert f"Received: {FILE}" in refusal(".")
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


OUT, RUN = "--out=out", "--workdir=run"


@pytest.mark.parametrize(
    ("tool", "flags", "said"),
    [
        *(
            (tool, ("--workdir=a", "--preset=b", *flags), "one of (workdir, preset")
            for tool, flags in OF_A_MODEL.items()
        ),
        *(
            (tool, OF_A_MODEL[tool], "Exactly one of (workdir, preset")
            for tool in ("evaluate", "export", "generate")
        ),
        ("explorer", ("--pretrained=nowhere", OUT), "nowhere"),
        ("explorer", ("--preset=nowhere", OUT), "nowhere"),
        ("generate", (RUN, OUT), "no newest checkpoint"),
        ("generate", (RUN, OUT, "--seed=1"), "go with --num_images"),
        ("generate", ("--export=.", OUT), "--export takes --num_images"),
        ("publish", ("--name=x",), "Received: neither"),
        ("publish", ("--name=../x", RUN), "must name a folder. Received: '../x'"),
        ("publish", ("--name=x", RUN), "not a finished run"),
        ("report", (), "Received: --results=results"),
        (
            "train",
            ("--config=glyphs", "--config.model.name=kanerva_minus", "--workdir=out"),
            "Received: 'kanerva_minus'",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_and_leaves_nothing(tool, flags, said, folder):
    assert said in _refusal(tool, *flags, cwd=folder)
    assert [path.name for path in folder.rglob("*")] == ["run", FILE]


def test_a_missing_extra_is_named_before_a_model_is_loaded(folder):
    before = "sys.modules['ai_edge_litert'] = None"
    line = _refusal("export", RUN, OUT, "--format=tflite", cwd=folder, before=before)
    assert "kpp_tf[lite]" in line and "--format=saved_model" in line


def test_warm_up_records_are_left_out_with_a_line(folder):
    before = "sys.modules['tensorflow_serving'] = None"
    process = _run("export", RUN, OUT, cwd=folder, before=before)
    lines = process.stderr.splitlines()
    assert lines[0] == "No warm-up records: tensorflow_serving is missing."
    assert "no newest checkpoint" in lines[1]  # it went on


def test_a_memory_is_not_written_over(tmp_path):
    memory = tmp_path / "out" / "memory.npz"
    memory.parent.mkdir()
    memory.write_bytes(b"mine")
    said = _refusal("remember", "--images=nowhere", OUT, cwd=tmp_path)
    assert "there is a memory" in said and "memory.npz" in said
    assert memory.read_bytes() == b"mine"
    assert sorted(tmp_path.rglob("*")) == [memory.parent, memory]

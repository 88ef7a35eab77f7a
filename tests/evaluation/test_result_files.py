"""Result files: runs kept with their config, read by name."""

import json

import pytest

from kpp_tf.evaluation import result_files


def test_a_run_is_kept_with_its_config(tmp_path, capsys):
    run = tmp_path / "mnist"
    run.mkdir()
    summary = {"bound": 12.5, "command": f"tools/train.py --workdir={run}"}
    (run / "summary.json").write_text(json.dumps(summary))
    (run / "config.json").write_text(json.dumps({"seed": 3}))
    target = tmp_path / "results" / "runs" / "mnist.json"
    result_files.keep_run(run, target)
    assert json.loads(target.read_text()) == {
        "bound": 12.5,
        "command": "python tools/train.py --workdir=runs/mnist",
        "config": {"seed": 3},
    }
    assert f"Wrote {target}" in capsys.readouterr().err
    result_files.keep_run(run, target)
    assert f"Replaced {target}" in capsys.readouterr().err
    assert list(target.parent.iterdir()) == [target]


def test_an_unfinished_run_is_not_kept(tmp_path):
    with pytest.raises(FileNotFoundError, match="no summary.json"):
        result_files.keep_run(tmp_path, tmp_path / "a.json")


def test_a_folder_is_read_by_name(tmp_path):
    assert result_files.read_folder(tmp_path / "absent") == {}
    result_files.write(tmp_path / "b.json", {"x": 2})
    result_files.write(tmp_path / "a.json", {"x": 1})
    (tmp_path / "notes.txt").write_text("not read")
    found = result_files.read_folder(tmp_path)
    assert list(found.items()) == [("a", {"x": 1}), ("b", {"x": 2})]


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_what_is_no_json_object_is_named(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=r"a\.json must hold.*Received"):
        result_files.read_folder(tmp_path)

"""The program of docs/layers.md, as a reader would run it."""

import re

import keras

from tests.programs import ROOT, python


def test_a_classifier_reads_from_a_written_memory(tmp_path, monkeypatch):
    text = (ROOT / "docs" / "layers.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len([line for line in program.splitlines() if line]) <= 40
    monkeypatch.chdir(tmp_path)
    found = {}
    keras.utils.set_random_seed(0)
    exec(compile(program, "docs/layers.md", "exec"), found)
    assert found["accuracy"] > 0.8
    # With another memory, half of the answers are right.
    images, answers = found["episodes"](512)
    mixed = (images[0][::-1], images[1])
    assert found["loaded"].evaluate(mixed, answers, verbose=0)[1] < 0.6

    alone = "import kpp_tf, keras; print(keras.models.load_model('reader.keras').name)"
    done = python("-c", alone, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == found["model"].name

"""The README's program, as a reader would run it."""

import re

from tests.test_repository import ROOT


def test_the_library_snippet_runs():
    text = (ROOT / "README.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    found = {}
    exec(compile(program, "README.md", "exec"), found)
    assert found["recalled"].shape == found["nudged"].shape == (8, 31, 28, 28, 1)
    assert found["drawn"].shape == found["imagined"].shape == (8, 16, 28, 28, 1)
    assert found["bound"].shape == found["unseen"].shape == (8, 31)

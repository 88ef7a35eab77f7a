"""docs/quickstart.ipynb, run as a reader runs it."""

import re

import pytest

from tests.test_repository import ROOT

NOTEBOOK = ROOT / "docs" / "quickstart.ipynb"


def _printed(notebook):
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    return "".join(
        out.get("text", "") for out in outputs if out.get("name") == "stdout"
    )


def test_the_notebook_is_kept_with_small_outputs():
    assert '"image/png"' in NOTEBOOK.read_text()
    assert NOTEBOOK.stat().st_size < 100_000


@pytest.mark.slow
def test_the_notebook_runs_and_prints_what_is_kept():
    reason = "pip install -r requirements-dev.txt"
    nbclient = pytest.importorskip("nbclient", reason=reason)
    nbformat = pytest.importorskip("nbformat", reason=reason)
    kept = nbformat.read(NOTEBOOK, as_version=4)
    run = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(
        run, timeout=600, resources={"metadata": {"path": str(NOTEBOOK.parent)}}
    ).execute()
    texts = [_printed(notebook) for notebook in (kept, run)]
    before, now = (re.findall(r"\d+\.\d+", text) for text in texts)
    assert len(before) == len(now) > 2
    assert list(map(float, now)) == pytest.approx(list(map(float, before)), rel=0.05)

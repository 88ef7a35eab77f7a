"""What the documents show, link to and name."""

import re

import pytest

from tests.test_repository import ROOT


def test_every_picture_is_in_the_gallery():
    text = (ROOT / "docs" / "gallery.md").read_text()
    shown = {ROOT / "docs" / link for link in re.findall(r"!\[.*?\]\((.*?)\)", text)}
    assert shown == set((ROOT / "docs" / "figures").rglob("*.png"))


DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents_link_to_what_is_there(path):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
    missing = [link for link in links if not (path.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents_name_programs_that_are_there(path):
    files = [*ROOT.glob("*.py"), *ROOT.glob("[!.]*/**/*.py")]
    names = re.findall(r"[`/]([a-z_0-9]+(?:/[a-z_0-9]+)*\.py)\b", path.read_text())
    missing = [n for n in names if not any(file.match(n) for file in files)]
    assert not missing


def test_the_layout_names_what_is_there():
    layout = (ROOT / "README.md").read_text().partition("## Layout")[2]
    rows = re.findall(r"^\| (`.*?) \| (.*) \|$", layout, flags=re.MULTILINE)
    assert len(rows) > 5
    for heads, words in rows:
        paths = [ROOT / "kpp_tf" / head for head in re.findall("`(.*?)`", heads)]
        paths += [paths[0] / name for name in re.findall(r"`(\w+\.py)`", words)]
        missing = [str(path) for path in paths if not path.exists()]
        assert not missing

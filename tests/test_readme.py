"""What the documents show and link to."""

import re

import pytest

from tests.test_repository import ROOT


def test_every_picture_is_in_the_gallery():
    text = (ROOT / "docs" / "gallery.md").read_text()
    shown = {ROOT / "docs" / link for link in re.findall(r"!\[.*?\]\((.*?)\)", text)}
    assert shown == set((ROOT / "docs" / "figures").rglob("*.png"))


@pytest.mark.parametrize(
    "path", [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")], ids=lambda path: path.name
)
def test_documents_link_to_what_is_there(path):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
    missing = [link for link in links if not (path.parent / link).exists()]
    assert not missing

"""What tells images from others wherever they lie."""

import os

import numpy as np
import pytest

from kpp_tf.data.own import fingerprint
from tests.data.tiny_data import data_config, random_images


def _of(place):
    found = fingerprint.of(data_config(place), None)
    found.pop("place")
    return found


@pytest.fixture
def folder(tmp_path):
    """Files of random bytes: nothing is decoded."""
    (tmp_path / "pictures" / "a").mkdir(parents=True)
    for number, content in enumerate(random_images(200, 300)):
        (tmp_path / "pictures" / "a" / f"{number:03}.png").write_bytes(content)
    return tmp_path / "pictures"


def test_a_moved_folder_is_the_same(folder):
    before = _of(folder)
    assert before["files"] == 200 and before["bytes"] == 200 * 300
    moved = folder.rename(folder.with_name("elsewhere"))
    (moved / "notes.txt").write_text("no picture")
    assert _of(moved) == before


def test_other_contents_names_and_sizes_differ(folder):
    before, file = _of(folder), folder / "a" / "000.png"
    content = file.read_bytes()
    file.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    other = _of(folder)
    assert other["names"] == before["names"]
    assert other["contents"] != before["contents"]
    file.write_bytes(content + b"x")
    assert _of(folder)["bytes"] == before["bytes"] + 1
    file.write_bytes(content)
    assert _of(folder) == before
    file.rename(folder / "a" / "b.png")
    assert _of(folder)["names"] != before["names"]


def test_the_middle_of_a_large_array_counts(tmp_path):
    array = random_images(1, 40, 200, 200)[0]
    np.save(tmp_path / "a.npy", array)
    before = _of(tmp_path / "a.npy")
    array[17:23] ^= 255
    np.save(tmp_path / "a.npy", array)
    assert _of(tmp_path / "a.npy") != before


def test_data_sets_that_everybody_has_need_none():
    assert fingerprint.of(data_config("glyphs"), None) == {}


def test_places_are_kept_whole_and_names_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "mnist"):
        (tmp_path / name).mkdir()
    here = os.getcwd()
    assert fingerprint.kept_name("./mine") == f"{here}/mine"
    assert fingerprint.kept_name(f"{here}/mine") == f"{here}/mine"
    # Names of data sets stay, and so does what lies among the data alone.
    for name in ("mnist", "few_shot", "tfds:mine", ""):
        assert fingerprint.kept_name(name) == name

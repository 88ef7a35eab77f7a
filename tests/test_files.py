"""Files and folders appear whole or not at all."""

import hashlib
import sys

import pytest

from kpp_tf import files
from kpp_tf.errors import UserError


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with files.replacing(path) as temporary:
        temporary.write_text("first")
        assert not path.exists()
    with files.replacing(path) as temporary:
        temporary.write_text("second")
        assert path.read_text() == "first"
    assert path.read_text() == "second"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_failed_write_changes_nothing(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="disk"), files.replacing(path) as temporary:
        temporary.write_text("half")
        raise OSError("disk full")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_appears_whole(tmp_path):
    path = tmp_path / "runs" / "one"
    with files.new_folder(path) as temporary:
        (temporary / "a.txt").write_text("a")
        assert not path.exists()
    assert (path / "a.txt").read_text() == "a"
    assert [p.name for p in path.parent.iterdir()] == ["one"]


def test_a_folder_is_never_overwritten(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.txt").write_text("a")
    with (
        pytest.raises(UserError, match="Received: .*one"),
        files.new_folder(tmp_path / "one"),
    ):
        raise AssertionError("must not be reached")
    assert (tmp_path / "one" / "a.txt").read_text() == "a"


def test_a_failed_folder_leaves_nothing(tmp_path):
    with pytest.raises(OSError, match="disk"), files.new_folder(tmp_path / "one"):
        raise OSError("disk full")
    assert not list(tmp_path.iterdir())


def test_a_digest_is_that_of_the_whole_file(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc" * 700_000)  # more than one block
    assert files.sha256(path) == hashlib.sha256(b"abc" * 700_000).hexdigest()


def test_the_cache_folder_is_chosen_or_the_platforms(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KPP_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert files.cache_folder() == tmp_path / ".cache" / "kpp_tf"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert files.cache_folder() == tmp_path / "Library" / "Caches" / "kpp_tf"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert files.cache_folder() == tmp_path / "x" / "kpp_tf"
    monkeypatch.setenv("KPP_CACHE_DIR", "~/mine")
    assert files.cache_folder() == tmp_path / "mine"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'{"a":', "damaged"),
        (b"\xff", "damaged"),
        (b"", "damaged"),
        (b"[" * 100_000, "damaged"),
        (b"[1]", "object"),
        (b"{}", "'a'"),
    ],
)
def test_a_file_that_is_read_back_is_named_if_it_is_not_what_it_was(
    tmp_path, content, problem
):
    path = tmp_path / "one.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"{problem}.*Received: {path}"):
        files.read_json(path, "a")

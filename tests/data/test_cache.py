import os

import numpy as np
import pytest

from kpp_tf.data import cache
from kpp_tf.errors import UserError

SHAPE = (5, 2, 2, 3)


def _fill(value):
    def fill(array):
        assert array.shape == SHAPE
        array[...] = value

    return fill


def _refuse(array):
    raise AssertionError("written again")


def test_is_written_once_and_read_from_disk(tmp_path):
    name = "celeb_a train[:5]"
    first = cache.memory_mapped(tmp_path, name, "1", SHAPE, _fill(7))
    again = cache.memory_mapped(tmp_path, name, "1", SHAPE, _refuse)
    assert isinstance(again, np.memmap)
    assert not again.flags.writeable
    np.testing.assert_array_equal(first, np.full(SHAPE, 7, np.uint8))
    np.testing.assert_array_equal(again, first)
    (file,) = (tmp_path / "kpp_tf_cache").iterdir()
    assert file.name.startswith("celeb_a-train-5-")


@pytest.mark.parametrize("left", [0, 20, 130])
def test_a_damaged_file_is_named(tmp_path, monkeypatch, left):
    monkeypatch.setenv("KPP_CACHE_DIR", str(tmp_path))
    cache.memory_mapped(tmp_path, "a", "1", SHAPE, _fill(1))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(UserError, match=f"damaged.*Remove it.*Received: {file}"):
        cache.memory_mapped(tmp_path, "a", "1", SHAPE, _refuse)


def test_other_contents_have_another_file(tmp_path):
    cache.memory_mapped(tmp_path, "a", "1", SHAPE, _fill(1))
    other = cache.memory_mapped(tmp_path, "a", "2", SHAPE, _fill(2))
    assert other.max() == 2
    smaller = cache.memory_mapped(tmp_path, "a", "1", (1, *SHAPE[1:]), lambda _: None)
    assert len(smaller) == 1


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("KPP_CACHE_DIR", str(tmp_path / "elsewhere"))

    def fail(array):
        array[:2] = 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.memory_mapped(tmp_path, "a", "1", SHAPE, fail)
    assert not list((tmp_path / "elsewhere").iterdir())
    whole = cache.memory_mapped(tmp_path, "a", "1", SHAPE, _fill(3))
    assert whole.min() == 3


def test_a_folder_that_cannot_be_written_says_what_to_set(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="KPP_CACHE_DIR"):
        cache.memory_mapped(tmp_path / "file", "a", "1", SHAPE, _fill(1))


def test_files_have_another_version_when_they_change(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"one")
    os.utime(path, ns=(0, 1))
    before = cache.version_of([path])
    assert cache.version_of([path]) == before
    path.write_bytes(b"two")
    os.utime(path, ns=(0, 2))
    assert cache.version_of([path]) != before

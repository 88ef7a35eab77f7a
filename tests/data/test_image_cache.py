import numpy as np
import pytest

from kpp_tf.data import image_cache
from kpp_tf.errors import UserError

SHAPE = (5, 2, 2, 3)


def _images(value):
    """All images of one value, in two portions."""
    return lambda: iter([np.full((n, *SHAPE[1:]), value, np.uint8) for n in (3, 2)])


def _refuse():
    raise AssertionError("written again")


def test_is_written_once_and_read_from_disk(tmp_path):
    name = "faces train[:5]"
    first = image_cache.memory_mapped(tmp_path, name, "1", SHAPE, _images(7))
    again = image_cache.memory_mapped(tmp_path, name, "1", SHAPE, _refuse)
    assert isinstance(again, np.memmap)
    assert not again.flags.writeable
    np.testing.assert_array_equal(first, np.full(SHAPE, 7, np.uint8))
    np.testing.assert_array_equal(again, first)
    (file,) = (tmp_path / "kpp_tf_cache").iterdir()
    assert file.name.startswith("faces-train-5-")


@pytest.mark.parametrize("left", [0, 20, 130])
def test_a_damaged_file_is_named(tmp_path, monkeypatch, left):
    monkeypatch.setenv("KPP_CACHE_DIR", str(tmp_path))
    image_cache.memory_mapped(tmp_path, "a", "1", SHAPE, _images(1))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(UserError, match=f"damaged.*Remove it.*Received: {file}"):
        image_cache.memory_mapped(tmp_path, "a", "1", SHAPE, _refuse)


def test_other_contents_have_another_file(tmp_path):
    image_cache.memory_mapped(tmp_path, "a", "1", SHAPE, _images(1))
    other = image_cache.memory_mapped(tmp_path, "a", "2", SHAPE, _images(2))
    assert other.max() == 2
    one = np.zeros((1, *SHAPE[1:]), np.uint8)
    smaller = image_cache.memory_mapped(tmp_path, "a", "1", one.shape, lambda: [one])
    assert len(smaller) == 1


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("KPP_CACHE_DIR", str(tmp_path / "elsewhere"))

    def fail():
        yield np.ones((2, *SHAPE[1:]), np.uint8)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        image_cache.memory_mapped(tmp_path, "a", "1", SHAPE, fail)
    assert not list((tmp_path / "elsewhere").iterdir())
    whole = image_cache.memory_mapped(tmp_path, "a", "1", SHAPE, _images(3))
    assert whole.min() == 3


def test_a_folder_that_cannot_be_written_says_what_to_set(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="KPP_CACHE_DIR"):
        image_cache.memory_mapped(tmp_path / "file", "a", "1", SHAPE, _images(1))

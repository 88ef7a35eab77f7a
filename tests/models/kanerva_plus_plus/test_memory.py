"""A memory's file, and its noise in training."""

import pickle

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.errors import UserError
from kpp_tf.evaluation import quantization
from kpp_tf.models.kanerva_plus_plus import Memory
from kpp_tf.models.kanerva_plus_plus.options.rounding import with_rounding_noise


@pytest.fixture
def memory():
    random = np.random.default_rng(0)
    shapes = ((2, 3, 3, 4), (2, 3, 3), (2, 5))
    return Memory(*(tf.constant(random.random(s), tf.float32) for s in shapes))


def test_a_memory_survives_its_file(memory, tmp_path):
    path = tmp_path / "deep" / "memory.npz"
    memory.save(path)
    assert list(path.parent.iterdir()) == [path]
    loaded = Memory.load(path)
    assert isinstance(loaded, Memory)
    for got, expected in zip(loaded, memory, strict=True):
        assert got.dtype == tf.float32
        np.testing.assert_array_equal(got, expected)
    # Anything that reads numpy's files can read it.
    with np.load(path, allow_pickle=False) as stored:
        assert set(stored) == {"cells", "coverage", "carry"}


def test_saving_again_replaces_the_file(memory, tmp_path):
    path = tmp_path / "memory.npz"
    memory.save(path)
    Memory(*(2 * part for part in memory)).save(path)
    np.testing.assert_array_equal(Memory.load(path).cells, 2 * memory.cells)


def _cut(path):
    path.write_bytes(path.read_bytes()[:300])


def _flipped(path):
    content = bytearray(path.read_bytes())
    for at in range(200, 260):
        content[at] ^= 255
    path.write_bytes(content)


class _Code:
    def __reduce__(self):
        return (pytest.fail, ("the file's code ran",))


DAMAGES = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("a memory"),
    "cut": _cut,
    "flipped": _flipped,
    "pickle": lambda path: path.write_bytes(pickle.dumps(_Code())),
    "a part is missing": lambda path: np.savez(path, cells=np.zeros(3)),
    "an array alone": lambda path: _save_alone(path),
    "objects": lambda path: np.savez(
        path,
        cells=np.array([_Code()], dtype=object),
        coverage=np.zeros(3),
        carry=np.zeros(3),
    ),
    "words": lambda path: np.savez(
        path, cells=np.array(["a"]), coverage=np.zeros(3), carry=np.zeros(3)
    ),
}


def _save_alone(path):
    with path.open("wb") as stream:
        np.save(stream, np.zeros(3))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_named_and_no_code_runs(memory, tmp_path, damage):
    path = tmp_path / "memory.npz"
    memory.save(path)
    DAMAGES[damage](path)
    with pytest.raises(UserError, match=r"\.npz file of cells.*Received: .*memory.npz"):
        Memory.load(path)


def test_a_folder_is_no_memory(tmp_path):
    with pytest.raises(UserError, match="Received"):
        Memory.load(tmp_path)


def test_rounding_noise_moves_numbers_as_far_as_rounding_may(seeds):
    random = np.random.default_rng(5)
    cells = random.normal(size=(3, 4, 4, 6)).astype(np.float32) * [1, 1, 1, 1, 9, 0]
    coverage = random.integers(0, 2, (3, 4, 4)).astype(np.float32)
    cells *= coverage[..., None]
    cells = np.float32(cells)
    memory = Memory(*map(tf.constant, (cells, coverage, np.zeros((3, 1), np.float32))))
    share = 1 / 7
    rough = with_rounding_noise(memory, share, seeds).cells
    change = np.float64(rough) - np.float64(cells)
    largest = np.abs(cells).max(axis=(1, 2), keepdims=True)
    assert np.all(np.abs(change) <= share / 2 * largest * (1 + 1e-5) + 1e-6)
    rounded = np.abs(quantization.store(memory, "int4").cells - cells)
    assert np.all(rounded <= share / 2 * largest * (1 + 1e-5) + 1e-6)
    assert np.all(change[coverage == 0] == 0)
    own = (change / np.where(largest > 0, largest, 1))[coverage > 0][:, :5]
    np.testing.assert_allclose(own.std(), share / np.sqrt(12), rtol=0.15)
    np.testing.assert_array_equal(
        with_rounding_noise(memory, share, seeds).cells, rough
    )

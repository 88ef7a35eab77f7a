"""Own images in .npy and .npz files and in TFDS data sets, and their splits."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from kpp_tf import data
from kpp_tf.errors import UserError
from tests.data.tiny_data import data_config, prepare, random_images

ALL = "train+validation+test"
GREY = random_images(30, 6, 6, 1)
COLOUR = random_images(30, 6, 6, 3)
LABELS = np.arange(30) % 3


def _load(path, split=ALL, shape=(6, 6, 1), data_dir=None, **changes):
    return data.load_images(data_config(path, shape, **changes), split, data_dir)


@pytest.mark.parametrize(
    "array",
    [
        GREY,
        GREY[..., 0],
        GREY.reshape(30, 36),
        GREY.astype(np.float64),
        (GREY / 255).astype(np.float32),
        GREY.astype(np.int64),
        np.concatenate([GREY, 255 - GREY], -1),  # alpha
    ],
    ids=["whole", "grey", "flat", "levels", "shares", "int64", "alpha"],
)
def test_an_array_of_any_usual_form_is_taken(array, tmp_path):
    np.save(tmp_path / "a.npy", array)
    table = _load(tmp_path / "a.npy")
    np.testing.assert_array_equal(table.images, GREY)
    assert (table.name, table.labels) == ("a", None)


@pytest.mark.parametrize("kind", [np.uint8, bool, np.float32])
def test_zeros_and_ones_are_black_and_white(kind, tmp_path):
    bits = (GREY > 99).astype(kind)
    np.save(tmp_path / "a.npy", bits)
    table = _load(tmp_path / "a.npy")
    assert table.levels == 2
    np.testing.assert_array_equal(table.images, 255 * bits.astype(np.uint8))


def test_grey_and_colour_become_what_is_asked_for(tmp_path):
    np.save(tmp_path / "a.npy", GREY)
    coloured = _load(tmp_path / "a.npy", shape=(6, 6, 3)).images
    np.testing.assert_array_equal(coloured, GREY.repeat(3, -1))
    np.save(tmp_path / "b.npy", COLOUR)
    grey = _load(tmp_path / "b.npy").images[..., 0]
    assert np.abs(grey - COLOUR @ [0.299, 0.587, 0.114]).max() < 1.01


@pytest.mark.parametrize(
    "names",
    [
        ("x_{}", "y_{}"),
        ("{}_images", "{}_labels"),
    ],
)
def test_names_of_arrays_tell_splits_and_labels(names, tmp_path):
    parts = {"train": slice(0, 20), "val": slice(20, 24), "test": slice(24, 30)}
    arrays = {names[0].format(part): GREY[rows] for part, rows in parts.items()}
    for part, rows in parts.items():
        arrays[names[1].format(part)] = 5 + LABELS[rows, None]
    np.savez(tmp_path / "a.npz", **arrays)
    parts["validation"] = parts.pop("val")
    for part, rows in parts.items():
        table = _load(tmp_path / "a.npz", part)
        np.testing.assert_array_equal(table.images, GREY[rows])
        np.testing.assert_array_equal(table.labels, LABELS[rows])
        assert table.names == {"class": ["5", "6", "7"]}


def test_other_names_are_those_of_classes(tmp_path):
    arrays = {f"Greek/{name}": GREY[10 * i :][:10] for i, name in enumerate("abc")}
    np.savez(tmp_path / "a.npz", **arrays)
    table = _load(tmp_path / "a.npz")
    np.testing.assert_array_equal(table.images, GREY)
    np.testing.assert_array_equal(table.labels, np.arange(30) // 10)
    assert table.names == {"class": list(arrays), "alphabet": ["Greek"]}


def test_a_folder_may_hold_a_file_of_classes_a_split(tmp_path):
    """As few-shot Omniglot lies: ink is 0, and each split has alphabets of its own."""
    ink = random_images(12 * 20, 784, levels=2)
    for split, numbers in {"train": range(8), "test": range(8, 12)}.items():
        classes = {f"{split}/{n // 2}/c{n:02}": ink[n * 20 :][:20] for n in numbers}
        paper = {name: 255 * (1 - of) for name, of in classes.items()}
        np.savez(tmp_path / f"{split}_small.npz", **paper)
    load = {"shape": (28, 28, 1), "invert": True, "split_by": "alphabet"}
    table = _load(tmp_path, "test", **load)
    np.testing.assert_array_equal(
        table.images.reshape(-1, 784), 255 * ink[8 * 20 :].astype(np.uint8)
    )
    assert table.levels == 2
    assert len(np.unique(table.labels)) == 4
    assert set(np.unique(table.groups["alphabet"], return_counts=True)[1]) == {40}
    # Whole alphabets are held out, of the training classes alone.
    assert len(_load(tmp_path, "train+validation", **load)) == 8 * 20
    assert len(_load(tmp_path, "train", **load)) % 40 == 0


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.zeros((2, 7))}, r"as \[N, H, W\].*float64 \(2, 7\)"),
        ({"a": np.zeros((2, 3, 6, 6))}, "channels last"),
        ({"a": np.zeros((0, 6, 6))}, r"\(0, 6, 6\)"),
        ({"a": np.full((2, 6, 6), np.nan)}, "Received: from nan to nan"),
        ({"a": np.full((2, 6, 6), -1)}, "Received: from -1 to -1"),
        ({"a": np.full((2, 6, 6), 256)}, "from 256 to 256"),
        ({"a": np.array(["x"])}, "must hold numbers"),
        ({"a": np.array([{}])}, "cannot be read as arrays of numbers"),
        ({"arr_0": GREY, "arr_1": GREY}, "need names"),
        ({"x": GREY, "y": LABELS[1:]}, "label for each of its 30 images"),
        ({"x": GREY, "y": LABELS / 2}, "one whole number"),
        ({"x_train": GREY, "y_train": LABELS, "x_test": GREY}, "for all of them"),
        ({"labels": LABELS, "y": LABELS}, "must hold images"),
        ({}, "no classes and no images"),
    ],
)
def test_refuses_other_arrays_naming_the_file(arrays, message, tmp_path):
    path = tmp_path / "some.npz"
    np.savez(path, **arrays)
    with pytest.raises(UserError, match=message) as error:
        _load(path)
    assert str(path) in str(error.value)


def test_refuses_files_that_are_no_arrays_or_of_no_split(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK no archive")
    with pytest.raises(UserError, match=r"a\.npz cannot be read"):
        _load(tmp_path / "a.npz")
    np.save(tmp_path / "b.npy", GREY)
    with pytest.raises(UserError, match=r"named by their splits.*a\.npz"):
        _load(tmp_path)
    with pytest.raises(UserError, match="or one such file"):
        _load(__file__)


@pytest.fixture
def thousands(tmp_path):
    """2,000 images, each of its number, in 40 classes."""
    numbers = np.arange(2000)
    images = np.stack([numbers // 256, numbers % 256], -1).astype(np.uint8)
    images = images.reshape(-1, 1, 2).repeat(6, 1).repeat(3, 2)
    np.savez(tmp_path / "a.npz", x=images, y=numbers // 50)
    return tmp_path / "a.npz"


def _numbers(table):
    return table.images[:, 0, 0, 0].astype(int) * 256 + table.images[:, 0, -1, 0]


def test_a_tenth_is_validation_and_a_tenth_test_by_the_seed(thousands):
    parts = {
        split: _numbers(_load(thousands, split))
        for split in ("train", "validation", "test")
    }
    assert sorted(np.concatenate(list(parts.values()))) == list(range(2000))
    deviation = np.sqrt(2000 * 0.1 * 0.9)
    for split in ("validation", "test"):
        assert abs(len(parts[split]) - 200) < 4 * deviation
    np.testing.assert_array_equal(parts["test"], _numbers(_load(thousands, "test")))
    other = _numbers(_load(thousands, "test", split_seed=1))
    # Two independent tenths share a hundredth.
    assert len(np.intersect1d(parts["test"], other)) < 20 + 4 * np.sqrt(20)
    # Fewer images: those there are stay where they were.
    with np.load(thousands) as arrays:
        np.savez(thousands, x=arrays["x"][:1000], y=arrays["y"][:1000])
    again = _numbers(_load(thousands, "test"))
    np.testing.assert_array_equal(again, parts["test"][parts["test"] < 1000])


def test_whole_classes_are_held_out(thousands):
    tables = [
        _load(thousands, split, split_by="class")
        for split in ("train", "validation", "test")
    ]
    classes = [set(_numbers(table) // 50) for table in tables]
    assert sum(map(len, classes)) == 40 and set.union(*classes) == set(range(40))
    assert [len(table) for table in tables] == [50 * len(of) for of in classes]
    for table in tables:  # A class has the same number in every split.
        np.testing.assert_array_equal(table.labels, _numbers(table) // 50)


def test_too_few_images_for_a_split_say_so(tmp_path):
    np.save(tmp_path / "a.npy", GREY[:2])
    with pytest.raises(UserError, match="Too few images.*'train': 2") as error:
        _load(tmp_path / "a.npy", "test")
    assert "split_seed" in str(error.value)


def test_any_prepared_data_set_is_had_by_name(tmp_path):
    prepare(
        tmp_path,
        "animals",
        {
            "train": {"image": COLOUR, "kind": LABELS},
            "test": {"image": COLOUR[:9], "kind": LABELS[:9]},
        },
        kind=tfds.features.ClassLabel(names=["ant", "bee", "cat"]),
    )
    load = {"shape": (6, 6, 3), "data_dir": str(tmp_path)}
    table = _load("tfds:animals", **load)
    assert len(table) == 39 and table.names == {"class": ["ant", "bee", "cat"]}
    test = _load("tfds:animals", "test", **load)
    np.testing.assert_array_equal(test.images, COLOUR[:9])
    np.testing.assert_array_equal(test.labels, LABELS[:9])
    smaller = _load("tfds:animals", shape=(3, 3, 1), data_dir=str(tmp_path))
    assert smaller.image_shape == (3, 3, 1)


@pytest.mark.parametrize("name", ["tfds:", "tfds:../animals", "tfds:a/../b", "tfds:/a"])
def test_a_tfds_name_stays_in_its_folder(name, tmp_path):
    with pytest.raises(UserError, match="tfds:NAME/CONFIG"):
        _load(name, data_dir=str(tmp_path))


def test_a_prepared_data_set_without_images_is_refused(tmp_path):
    prepare(
        tmp_path,
        "pairs",
        {"train": {"image": GREY, "left": GREY, "image_too": GREY}},
        left=tfds.features.Image(shape=(6, 6, 1)),
        image_too=tfds.features.Image(shape=(6, 6, 1)),
    )
    assert len(_load("tfds:pairs", data_dir=str(tmp_path))) == 30  # "image" it is
    with pytest.raises(UserError, match="Nothing was downloaded"):
        _load("tfds:none", data_dir=str(tmp_path))

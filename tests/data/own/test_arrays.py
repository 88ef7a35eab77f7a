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
        GREY.reshape(30, 36)[:17],
        GREY.astype(np.float64),
        (GREY / 255).astype(np.float32),
        GREY.astype(np.int64),
        GREY.astype(np.uint16) * 257,
        np.concatenate([GREY, 0 * GREY + 255], -1),
    ],
    ids=["whole", "grey", "flat", "levels", "shares", "int64", "16 bits", "opaque"],
)
def test_an_array_of_any_usual_form_is_taken(array, tmp_path):
    np.save(tmp_path / "a.npy", array)
    table = _load(tmp_path / "a.npy")
    np.testing.assert_array_equal(table.images, GREY[: len(array)])
    assert (table.name, table.labels) == ("a", None)


@pytest.mark.parametrize("ground", [255, 0, 90])
@pytest.mark.parametrize("images", [GREY, COLOUR], ids=["grey", "colour"])
def test_alpha_is_laid_over_the_ground(images, ground, tmp_path):
    alpha = random_images(31, 6, 6, 1)[:30]
    np.save(tmp_path / "a.npy", np.concatenate([images, alpha], -1))
    share = alpha / 255
    expected = share * images + (1 - share) * ground
    changes = {} if ground == 255 else {"ground": ground}
    got = _load(tmp_path / "a.npy", shape=images.shape[1:], **changes).images
    assert np.abs(got - expected).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("over", [np.nextafter(np.float32(1), 2), 1.004, 1.0078])
@pytest.mark.parametrize("under", [0, -0.004])
def test_shares_that_rounding_moved_are_clipped(over, under, tmp_path):
    shares = (GREY / 255).astype(np.float32)
    np.save(tmp_path / "a.npy", shares)
    exact = _load(tmp_path / "a.npy").images.copy()
    shares[0, 0, :2, 0] = over, under
    exact[0, 0, :2, 0] = 255, 0
    np.save(tmp_path / "b.npy", shares)
    np.testing.assert_array_equal(_load(tmp_path / "b.npy").images, exact)


@pytest.mark.parametrize(
    ("array", "white"),
    [
        (GREY.astype(np.uint16) * 16, 255 * 16),  # 12 bits in 16
        (GREY / 255 * 16, 16),  # the digits of scikit-learn
        (GREY // 16, 15),
        (GREY.astype(np.int32) * 1000, 255_000),
    ],
    ids=["12 bits", "16 levels", "4 bits", "32 bits"],
)
def test_what_is_white_is_not_guessed(array, white, tmp_path, capsys):
    np.save(tmp_path / "a.npy", array)
    if array.dtype == np.uint8:  # bytes have a white of their own
        _load(tmp_path / "a.npy")
        assert "The brightest pixel is 15 of 255" in capsys.readouterr().err
    else:
        with pytest.raises(UserError, match=f"config.data.white.*to {array.max()}"):
            _load(tmp_path / "a.npy")
    images = _load(tmp_path / "a.npy", white=white).images
    assert np.abs(images - array / white * 255).max() <= 0.51
    with pytest.raises(UserError, match=r"from 0 to config\.data\.white=2"):
        _load(tmp_path / "a.npy", white=2)


# What each order of axes is called; every one holds the same 30 images.
ORDERS = {
    "NHWC": COLOUR,
    "NCHW": COLOUR.transpose(0, 3, 1, 2),
    "HWCN": COLOUR.transpose(1, 2, 3, 0),
    "NHW": GREY[..., 0],
    "HWN": GREY[..., 0].transpose(1, 2, 0),
    "NP": GREY.reshape(30, 36),
    "HWC": COLOUR[0],
    "CHW": COLOUR[0].transpose(2, 0, 1),
    "HW": GREY[0, ..., 0],
}


@pytest.mark.parametrize("axes", ORDERS)
def test_axes_are_taken_as_they_are_said(axes, tmp_path):
    array = ORDERS[axes]
    np.save(tmp_path / "a.npy", array)
    expected = COLOUR if "C" in axes else GREY
    expected = expected if {"N"} & set(axes) else expected[:1]
    load = {"shape": expected.shape[1:], "binarize": "none"}
    got = _load(tmp_path / "a.npy", axes=axes, **load).images
    np.testing.assert_array_equal(got, expected)
    if axes not in ("NHWC", "NHW"):  # those go without saying
        with pytest.raises(UserError, match=f"config.data.axes.*'{axes}'"):
            _load(tmp_path / "a.npy", **load)


@pytest.mark.parametrize(
    "shape", [(28, 28, 60), (28, 32, 60), (64, 64), (480, 640, 3), (3, 28, 28)]
)
def test_a_first_axis_that_is_no_count_is_asked_about(shape, tmp_path):
    np.save(tmp_path / "a.npy", random_images(1, *shape)[0])
    with pytest.raises(UserError, match=r"config\.data\.axes"):
        _load(tmp_path / "a.npy", shape=(28, 28, 1))


@pytest.mark.parametrize("shape", [(60, 28, 28), (1, 28, 32), (2, 28, 28), (60, 784)])
def test_a_first_axis_that_is_a_count_goes_without_saying(shape, tmp_path):
    np.save(tmp_path / "a.npy", random_images(1, *shape)[0])
    assert len(_load(tmp_path / "a.npy", shape=(28, 28, 1))) == shape[0]


@pytest.mark.parametrize(
    ("array", "binarize", "seen"),
    [
        (np.repeat(GREY[:1], 9, 0), "none", "all 9 images are alike"),
        (np.minimum(GREY, 2), "none", "nothing in them is above 2 of 255"),
        (GREY // 4, "fixed", "nothing in them is white once binarized"),
        (128 + GREY // 4, "fixed", "all in them is white once binarized"),
    ],
)
def test_images_that_hold_nothing_are_refused(array, binarize, seen, tmp_path):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(UserError, match=seen) as error:
        _load(tmp_path / "a.npy", binarize=binarize)
    assert f"from {array.min()} to {array.max()}" in str(error.value)


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
        ("imgs-{}", "{}Targets"),
        ("X{}", "y{}"),
    ],
)
def test_names_of_arrays_tell_splits_and_labels(names, tmp_path):
    parts = {"training": slice(0, 20), "dev": slice(20, 24), "testing": slice(24, 30)}
    arrays = {names[0].format(part): GREY[rows] for part, rows in parts.items()}
    for part, rows in parts.items():
        arrays[names[1].format(part)] = 5 + LABELS[rows, None]
    np.savez(tmp_path / "a.npz", **arrays)
    ours = dict(zip(("train", "validation", "test"), parts.values(), strict=True))
    for part, rows in ours.items():
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


def test_an_array_beside_named_splits_is_in_none_of_them(tmp_path, capsys):
    path = tmp_path / "a.npz"
    np.savez(path, x_train=GREY[:20], x_test=GREY[20:25], x_extra=GREY[25:])
    np.testing.assert_array_equal(_load(path, "test").images, GREY[20:25])
    assert len(_load(path)) == 25
    assert "neither images nor labels 1 (x_extra)" in capsys.readouterr().err
    np.savez(path, test=GREY[:20], other=GREY[20:])
    with pytest.raises(UserError, match=r"'test' may be a split.*other"):
        _load(path)
    assert _load(path, named_splits="never").names == {"class": ["other", "test"]}
    assert len(_load(path, named_splits="always")) == 20


@pytest.mark.parametrize("name", ["imgs", "pictures", "X", "whatever"])
def test_images_are_found_beside_metadata(name, tmp_path, capsys):
    about = {"ids": np.arange(30), "meta": np.array([{}]), "who": np.array(["me"])}
    np.savez(tmp_path / "a.npz", **{name: GREY}, **about)
    np.testing.assert_array_equal(_load(tmp_path / "a.npz").images, GREY)
    said = capsys.readouterr().err
    assert "of objects 1 (meta)" in said and "2 (ids, who)" in said


def test_the_message_names_the_arrays_that_could_be_meant(tmp_path):
    np.savez(tmp_path / "a.npz", a=LABELS, b=np.array([{}]), c=np.array(["x"]))
    with pytest.raises(UserError, match=r"a \(int64 \(30,\)\), c .*, b \(objects\)"):
        _load(tmp_path / "a.npz")


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
        ({"a": np.full((2, 6, 6), np.nan)}, "from nan to nan"),
        ({"a": np.full((2, 6, 6), -1)}, "from -1 to -1"),
        ({"a": np.full((2, 6, 6), 256)}, "from 256 to 256"),
        ({"a": np.array(["x"])}, "must hold numbers"),
        ({"a": np.array([{}])}, "no arrays of numbers; of objects:.*'a'"),
        ({"arr_0": GREY, "arr_1": GREY}, "Name arrays 'images'"),
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

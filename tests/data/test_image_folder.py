"""Folders of PNG and JPEG files, written by Pillow."""

import logging
import os

import numpy as np
import pytest
from PIL import Image

from kpp_tf import data
from kpp_tf.errors import UserError
from tests.data.tiny_data import data_config, random_images

SHAPE = (6, 8, 3)


def _save(path, image, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image.squeeze())
    image.save(path, **options)


def _load(folder, split="train+validation+test", shape=SHAPE, **changes):
    return data.load_images(data_config(folder, shape, **changes), split)


@pytest.fixture
def two_classes(tmp_path):
    """Twenty images a class; the first pixel says which."""
    images = random_images(40, *SHAPE)
    images[:, 0, 0, 0] = np.arange(40)
    for number, image in enumerate(images):
        _save(tmp_path / "ab"[number // 20] / f"{number:02}.png", image)
    return tmp_path, images


def test_folders_are_classes_and_their_images_those_of_the_files(two_classes):
    folder, images = two_classes
    table = _load(folder)
    np.testing.assert_array_equal(table.images, images)
    np.testing.assert_array_equal(table.labels, np.arange(40) // 20)
    assert table.names == {"class": ["a", "b"]}
    assert (table.name, table.levels, table.groups) == (folder.name, 256, {})


def test_every_kind_of_picture_is_read(tmp_path):
    colour = random_images(1, *SHAPE)[0]
    alpha = random_images(2, *SHAPE[:2], 1)[0]
    rgba = Image.fromarray(np.concatenate([colour, alpha], -1))
    grey = Image.fromarray(colour).convert("L")
    flat = Image.new("RGB", (8, 6), (200, 10, 90))
    _save(tmp_path / "0.png", colour)
    _save(tmp_path / "1.PNG", rgba)
    _save(tmp_path / "2.png", grey)
    _save(tmp_path / "3.png", Image.fromarray(colour).quantize(256))
    _save(tmp_path / "4.jpeg", flat, quality=100)
    _save(tmp_path / "5.png", Image.fromarray(alpha[..., 0] > 128))
    _save(tmp_path / "6.png", flat, format="BMP")
    _save(tmp_path / "7.jpg", Image.new("CMYK", (8, 6), (0, 255, 255, 0)), quality=100)
    deep = colour[..., 0].astype(np.uint16) * 257
    _save(tmp_path / "8.png", Image.fromarray(deep))
    table = _load(tmp_path)
    assert table.labels is None
    np.testing.assert_array_equal(table.images[0], colour)
    np.testing.assert_array_equal(table.images[1], colour)  # alpha is dropped
    np.testing.assert_array_equal(table.images[2], np.stack([grey] * 3, -1))
    np.testing.assert_array_equal(table.images[3], colour)
    assert np.abs(table.images[4].astype(int) - [200, 10, 90]).max() <= 2
    np.testing.assert_array_equal(table.images[5][..., :1], (alpha > 128) * 255)
    np.testing.assert_array_equal(table.images[6], np.asarray(flat))
    assert np.abs(table.images[7].astype(int) - [255, 0, 0]).max() <= 2
    np.testing.assert_array_equal(table.images[8], colour[..., :1].repeat(3, -1))
    # Luma of ITU-R 601, with which Pillow makes grey.
    greys = _load(tmp_path, shape=(6, 8, 1)).images
    assert np.abs(greys[0, ..., 0].astype(int) - np.asarray(grey)).max() <= 1
    np.testing.assert_array_equal(greys[2, ..., 0], grey)


@pytest.mark.parametrize(("height", "width"), [(40, 60), (80, 40)])
def test_the_middle_is_cropped_and_shrunk(height, width, tmp_path):
    rows, columns = np.mgrid[:height, :width]
    ramps = np.stack([2 * rows, 3 * columns, 0 * rows + 7], -1).astype(np.uint8)
    _save(tmp_path / "ramp.png", ramps)
    image = _load(tmp_path, shape=(20, 20, 3)).images[0]
    centres = 2 * np.arange(20) + 0.5
    inner = slice(1, -1)  # at the border an average is of fewer pixels
    top, left = (height - 40) / 2, (width - 40) / 2
    for column in image[inner, inner, 0].T:
        np.testing.assert_allclose(column, 2 * (top + centres[inner]), atol=0.51)
    for row in image[inner, inner, 1]:
        np.testing.assert_allclose(row, 3 * (left + centres[inner]), atol=0.51)
    np.testing.assert_array_equal(image[..., 2], 7)


def test_small_images_are_enlarged_with_a_word(two_classes, caplog):
    table = _load(two_classes[0], shape=(12, 16, 3))
    assert table.image_shape == (12, 16, 3)
    assert "40 of 40 images have fewer pixels" in caplog.text


def test_black_and_white_is_found_and_inverted(tmp_path):
    bits = random_images(5, 4, 4, 1, levels=2) * 255
    for number, image in enumerate(bits):
        _save(tmp_path / f"{number}.png", image)
    table = _load(tmp_path, shape=(4, 4, 1), invert=True)
    assert table.levels == 2
    np.testing.assert_array_equal(table.images, 255 - bits)


@pytest.fixture
def damaged(two_classes, tmp_path_factory):
    """A folder, its images, and the names of six files there that are no images."""
    folder = tmp_path_factory.mktemp("damaged") / "pictures"
    two_classes[0].rename(folder)
    whole = (folder / "a" / "00.png").read_bytes()
    (folder / "a" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "a" / "text.jpg").write_text("no picture")
    (folder / "b" / "empty.png").write_bytes(b"")
    outside = folder.parent / "outside.png"
    outside.write_bytes(whole)
    (folder / "b" / "link.png").symlink_to(outside)
    (folder / "b" / "gone.png").symlink_to(folder / "nothing.png")
    os.mkfifo(folder / "b" / "pipe.png")
    names = "cut.png", "text.jpg", "empty.png", "link.png", "gone.png", "pipe.png"
    return folder, two_classes[1], names


def test_damaged_files_are_named_counted_and_skipped(damaged, caplog):
    folder, images, names = damaged
    np.testing.assert_array_equal(_load(folder).images, images)
    assert "skipped 6 of 46 files" in caplog.text
    assert sum(name in caplog.text for name in names) == 5  # and "..."
    assert "{{" not in caplog.text and "[Op" not in caplog.text


def test_a_damaged_file_stops_where_that_is_asked_for(damaged):
    with pytest.raises(UserError, match=r"'a/cut\.png'.*") as error:
        _load(damaged[0], damaged="stop")
    assert "config.data.damaged='skip'" in str(error.value)


def test_links_within_the_folder_are_followed(two_classes):
    folder, images = two_classes
    (folder / "a" / "99.png").symlink_to(folder / "b" / "39.png")
    np.testing.assert_array_equal(_load(folder).images[20], images[39])


def test_odd_names_are_names_and_hidden_files_are_none(two_classes, caplog):
    folder, _ = two_classes
    names = ["ü ß.png", "日本.png", "new\nline.png", "-rf.png", "*.png"]
    paths = [os.fsencode(folder / "a" / name) for name in names]
    paths.append(os.fsencode(folder / "a") + b"/\xff.png")
    for path in paths:
        os.link(folder / "a" / "00.png", path)
    os.link(folder / "a" / "00.png", folder / "a" / "._00.png")
    (folder / "a" / ".thumbnails").mkdir()
    os.link(folder / "a" / "00.png", folder / "a" / ".thumbnails" / "00.png")
    assert len(_load(folder)) == 46
    (folder / "a").joinpath(os.fsdecode(b"\xfe.png")).write_bytes(b"")
    assert len(_load(folder)) == 46
    assert r"\udcfe.png" in caplog.text


def test_folders_of_splits_are_the_splits(two_classes):
    folder, images = two_classes
    for split, rows in {"Train": range(20), "val": range(20, 24)}.items():
        (folder / split / "x").mkdir(parents=True)
        for row in rows:
            path = folder / "ab"[row // 20] / f"{row:02}.png"
            path.rename(folder / split / "x" / path.name)
    for row in range(24, 40):
        (folder / "b" / f"{row:02}.png").unlink()
    validation = _load(folder, "validation")
    np.testing.assert_array_equal(validation.images, images[20:24])
    assert validation.names == {"class": ["x"]}
    # There is no test split: it is held out of the training images.
    parts = [_load(folder, part).images[:, 0, 0, 0] for part in ("train", "test")]
    assert sorted(np.concatenate(parts)) == list(range(20))


def test_a_class_may_have_the_name_of_a_split(two_classes):
    folder, _ = two_classes
    (folder / "b").rename(folder / "test")
    assert _load(folder).names == {"class": ["a", "test"]}


def test_folders_within_folders_are_groups(two_classes):
    folder, _ = two_classes
    for letter in "ab":
        (folder / "Greek").mkdir(exist_ok=True)
        (folder / letter).rename(folder / "Greek" / letter)
    for number in range(4):
        _save(folder / "Latin" / "a" / f"{number}.png", random_images(1, *SHAPE)[0])
    table = _load(folder)
    assert table.names["class"] == ["Greek/a", "Greek/b", "Latin/a"]
    assert table.names["alphabet"] == ["Greek", "Latin"]
    np.testing.assert_array_equal(table.groups["alphabet"], [0] * 40 + [1] * 4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": (6, 8, 2)}, r"Received: \(6, 8, 2\)"),
        ({"damaged": "ignore"}, "Received: 'ignore'"),
        ({"split_by": "alphabet"}, "split by .'image', 'class'..*'alphabet'"),
    ],
)
def test_refuses_a_wrong_config(two_classes, changes, message):
    with pytest.raises(UserError, match=message):
        _load(two_classes[0], **changes)


def test_a_folder_without_images_and_one_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="no .png"):
        _load(tmp_path)
    with pytest.raises(UserError, match="nothing at /.*/nope. Received: '.*/nope'"):
        _load(tmp_path / "nope")
    (tmp_path / "0.png").write_bytes(b"")
    with pytest.raises(UserError, match="No image of .* can be read"):
        _load(tmp_path)


def test_a_relative_name_is_looked_for_here_and_among_the_data(
    two_classes, monkeypatch, tmp_path_factory
):
    folder, _ = two_classes
    monkeypatch.chdir(folder.parent)
    assert len(_load(folder.name))
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    config = data_config(folder.name, SHAPE)
    assert len(data.load_images(config, "train", str(folder.parent)))


def test_splits_of_one_folder_are_decoded_once(two_classes, caplog):
    folder, _ = two_classes
    (folder / "a" / "text.jpg").write_text("no picture")
    with caplog.at_level(logging.WARNING):
        for split in ("train", "train+validation"):
            _load(folder, split)
    assert caplog.text.count("skipped 1 of 41") == 1

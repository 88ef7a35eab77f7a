"""Folders of PNG and JPEG files, written by Pillow."""

import os

import numpy as np
import pytest
from PIL import Image

from kpp_tf import data
from kpp_tf.data.own import decode
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
    over = Image.new("RGBA", (8, 6), "white")
    over.alpha_composite(rgba)
    off = table.images[1] - np.asarray(over.convert("RGB")).astype(int)
    assert np.abs(off).max() <= 1
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


def test_small_images_are_enlarged_with_a_word(two_classes, capsys):
    table = _load(two_classes[0], shape=(12, 16, 3))
    assert table.image_shape == (12, 16, 3)
    assert "40 of 40 images have fewer pixels" in capsys.readouterr().err


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


def test_damaged_files_are_named_counted_and_skipped(damaged, capsys):
    folder, images, names = damaged
    np.testing.assert_array_equal(_load(folder).images, images)
    said = capsys.readouterr().err
    assert "unreadable 6 (" in said
    assert sum(f"/{name} (" in said for name in names) == 5  # and "..."


def test_a_damaged_file_stops_where_that_is_asked_for(damaged):
    with pytest.raises(UserError, match=r"'a/cut\.png'.*") as error:
        _load(damaged[0], damaged="stop")
    assert "config.data.damaged='skip'" in str(error.value)


def test_links_within_the_folder_are_followed(two_classes):
    folder, images = two_classes
    (folder / "a" / "99.png").symlink_to(folder / "b" / "39.png")
    np.testing.assert_array_equal(_load(folder).images[20], images[39])


def test_odd_names_are_names_and_hidden_files_are_none(two_classes, capsys):
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
    said = capsys.readouterr().err
    assert r"\udcfe.png" in said and "hidden 2" in said and said.count("\n") == 2


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
    with pytest.raises(UserError, match=r"'test' may be a split.*beside \['a'\]"):
        _load(folder)
    assert _load(folder, named_splits="never").names == {"class": ["a", "test"]}
    assert len(_load(folder, named_splits="always")) == 20


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


def test_splits_of_one_folder_are_decoded_once(two_classes, capsys, monkeypatch):
    folder, images = two_classes
    decoded = []
    picture = decode.picture
    monkeypatch.setattr(
        decode, "picture", lambda path, white: decoded.append(1) or picture(path, white)
    )
    for split in ("train", "train+validation", "test"):
        _load(folder, split)
    assert len(decoded) == 40 and capsys.readouterr().err.count("40 images") == 1
    _save(folder / "b" / "40.png", images[0])
    _load(folder)
    assert len(decoded) == 40 + 41


def test_one_line_says_what_was_loaded_and_what_was_not(two_classes, capsys):
    folder, _ = two_classes
    (folder / "notes.txt").write_text("x")
    (folder / "a" / "photo.HEIC").write_text("x")
    (folder / "a" / "cut.png").write_bytes(b"")
    _load(folder)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{folder}: 40 images as 6 x 8 x 3: train 3")
    assert "2 classes: a 20, b 20" in line
    for part in (".heic 1 (a/photo.HEIC)", ".txt 1 (notes.txt)", "unreadable 1 (a/cut"):
        assert part in line


def test_every_usual_kind_of_file_is_read(tmp_path, capsys):
    """Lossless kinds give the pixels back; of animations the first frame is taken."""
    images = random_images(11, *SHAPE)
    kinds = "png webp bmp gif tif tiff ppm WEBP".split()
    for number, kind in enumerate(kinds):
        options = {"lossless": True} if kind.lower() == "webp" else {}
        image = Image.fromarray(images[number])
        image = image.quantize(256) if kind == "gif" else image
        _save(tmp_path / f"{number}.{kind}", image, **options)
    frames = [Image.fromarray(image).quantize(256) for image in images[8:10]]
    frames[0].save(tmp_path / "8.gif", save_all=True, append_images=frames[1:])
    table = _load(tmp_path)
    np.testing.assert_array_equal(table.images, images[: len(kinds) + 1])
    assert "1 are animations: the first frame is taken" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(kind, orientation, tmp_path):
    image = np.zeros((64, 48), np.uint8)
    image[:20], image[:, :8] = 255, 128
    stored, exif = Image.fromarray(image), Image.Exif()
    # As a camera stores what is to be shown as `image`: the inverse of the turn.
    T = Image.Transpose
    turns = {
        2: T.FLIP_LEFT_RIGHT,
        3: T.ROTATE_180,
        4: T.FLIP_TOP_BOTTOM,
        5: T.TRANSPOSE,
        6: T.ROTATE_90,
        7: T.TRANSVERSE,
        8: T.ROTATE_270,
    }
    if orientation in turns:
        stored = stored.transpose(turns[orientation])
    exif[0x112] = orientation
    for name in "ab":  # two copies of one file are no fault of reading
        _save(tmp_path / f"{name}.{kind}", stored, exif=exif, quality=100)
    read = _load(tmp_path, shape=(64, 48, 1)).images[0, ..., 0]
    assert np.abs(read.astype(int) - image).max() < 10


def test_files_of_16_bits_that_use_12_are_asked_about(tmp_path):
    images = random_images(4, 6, 8, 1)[..., 0].astype(np.uint16) * 16
    for number, image in enumerate(images):
        _save(tmp_path / f"{number}.png", Image.fromarray(image))
    with pytest.raises(UserError, match="4095 of 12 bits.*4 such files.*up to 40"):
        _load(tmp_path, shape=(6, 8, 1))
    table = _load(tmp_path, shape=(6, 8, 1), white=255 * 16)
    np.testing.assert_array_equal(table.images[..., 0], images // 16)


def test_masks_of_zeros_and_ones_are_white_where_that_is_said(tmp_path):
    bits = random_images(5, 6, 8, 1, levels=2)
    for number, image in enumerate(bits):
        _save(tmp_path / f"{number}.png", image)
    with pytest.raises(UserError, match="nothing in them is above 2 of 255"):
        _load(tmp_path, shape=(6, 8, 1))
    table = _load(tmp_path, shape=(6, 8, 1), white=1)
    np.testing.assert_array_equal(table.images, 255 * bits)


def test_floating_point_pictures_are_shares(tmp_path):
    shares = np.random.default_rng(0).uniform(0, 1, (2, 6, 8)).astype(np.float32)
    for number, image in enumerate(shares):
        _save(tmp_path / f"{number}.tif", Image.fromarray(image))
    table = _load(tmp_path, shape=(6, 8, 1))
    np.testing.assert_array_equal(table.images[..., 0], np.rint(255 * shares))


def _splits(folder, images, layout, **changes):
    """Loads files of a layout {name: image}; names by split."""
    for number, name in enumerate(layout):
        _save(folder / name, images[number])
    return {
        split: sorted(_load(folder, split, **changes).image_names)
        for split in {name.split(":")[0] for name in ("train", "test")}
    }


@pytest.mark.parametrize(
    "odd", ["montage.png", "unlabeled/{}.png", "__MACOSX/{}.png", "extra/test/{}.png"]
)
@pytest.mark.parametrize("names", [("train", "test"), ("Training", "TESTING")])
@pytest.mark.parametrize("above", ["", "data/", "archive/data/"])
def test_what_lies_beside_splits_is_in_none(odd, names, above, tmp_path, capsys):
    layout = [f"{above}{name}/{n}.png" for name in names for n in range(20)]
    layout += sorted({f"{above}{odd.format(n)}" for n in range(3)})
    found = _splits(tmp_path, random_images(43, *SHAPE), layout)
    assert found["test"] == sorted(layout[20:40])
    assert set(found["train"]) <= set(layout[:20])
    said = capsys.readouterr().err
    assert f"in no split {len(layout) - 40} ({layout[40]}" in said


def test_splits_below_classes_are_splits(tmp_path):
    layout = [
        f"{kind}/{split}/{n}.png"
        for kind in ("cat", "dog")
        for split in ("train", "val", "test")
        for n in range(3)
    ]
    images = random_images(18, *SHAPE)
    for number, name in enumerate(layout):
        _save(tmp_path / name, images[number])
    table = _load(tmp_path, "validation")
    assert table.names == {"class": ["cat", "dog"]}
    assert sorted(table.image_names) == sorted(n for n in layout if "/val/" in n)


def test_class_folders_that_are_links_are_followed(two_classes, capsys):
    folder, _ = two_classes
    root = folder / "root"
    (root / "c").mkdir(parents=True)
    (folder / "a").rename(root / "c" / "a")  # inside the root
    (folder / "b").rename(folder / "beside")
    (root / "b").symlink_to("../beside")
    (root / "a").symlink_to("c/a")
    (root / "etc").symlink_to("/usr/share")
    (root / "c" / "loop").symlink_to("..")
    (root / "again").symlink_to("c/a")
    table = _load(root)
    assert table.names == {"class": ["a", "b", "c/a"]}
    assert len(table) == 60
    said = capsys.readouterr().err
    assert "links to outside 1 (etc -> /usr/share)" in said
    assert "links of folders read already 2 (again -> " in said and "c/loop" in said


def test_a_download_of_a_hub_is_read(two_classes, tmp_path_factory):
    """As huggingface_hub lays a data set down: links into a store of blobs."""
    folder, images = two_classes
    hub = tmp_path_factory.mktemp("hub") / "datasets--me--mine"
    snapshot = hub / "snapshots" / "0123abc"
    (hub / "blobs").mkdir(parents=True)
    for number, path in enumerate(sorted(folder.rglob("*.png"))):
        path.rename(hub / "blobs" / f"{number:02}")
        link = snapshot / path.relative_to(folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(hub / "blobs" / f"{number:02}", link.parent))
    np.testing.assert_array_equal(_load(snapshot).images, images)
    assert len(_load(snapshot / "a")) == 20


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_is_no_folder(name, monkeypatch, two_classes):
    monkeypatch.chdir(two_classes[0])
    with pytest.raises(UserError, match="must name a data set or a place"):
        data.load_images(data_config(name, SHAPE), "train")

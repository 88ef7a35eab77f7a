import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kpp_tf import data
from kpp_tf.errors import UserError
from tests.data.tiny_data import data_config

FRAMES = 4


def _jpeg(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def _record(**features):
    features = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        for name, values in features.items()
    }
    return tf.train.Example(
        features=tf.train.Features(feature=features)
    ).SerializeToString()


def _write(path, *records):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


def _walk(seed, side=84):
    """JPEGs of smooth pictures, and how Pillow decodes them."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (FRAMES, 7, 7, 3), np.uint8)
    images = coarse.repeat(side // 7, 1).repeat(side // 7, 2)
    jpegs = [_jpeg(image) for image in images]
    return jpegs, np.stack([np.asarray(Image.open(io.BytesIO(j))) for j in jpegs])


def _folder(data_dir):
    return data_dir / "downloads" / "manual" / "gqn_mazes"


@pytest.fixture
def data_dir(tmp_path):
    """Two training files, one of them held out, and a test file; two walks each."""
    for name, seed in (
        ("train/0002-of-1080", 0),
        ("train/0001-of-1080", 10),
        ("train/0020-of-1080", 20),
        ("test/001-of-120", 30),
    ):
        records = [_record(frames=_walk(seed + walk)[0]) for walk in range(2)]
        _write(_folder(tmp_path) / f"{name}.tfrecord", *records)
    (_folder(tmp_path) / "test" / "001-of-120.tfrecord.part").write_bytes(b"x")
    return tmp_path


def _load(data_dir, split, side=64):
    config = data_config("gqn_mazes", (side, side, 3))
    return data.load_images(config, split, str(data_dir))


def _area_mean(images, size):
    """Exact area average: how much of each old pixel lies in each new one."""
    side = images.shape[1]
    low = np.arange(size)[:, None] * side / size
    old = np.arange(side)
    overlap = np.minimum(low + side / size, old + 1) - np.maximum(low, old)
    weights = np.clip(overlap, 0, 1) * size / side
    return np.einsum("ih,jw,nhwc->nijc", weights, weights, images, optimize=True)


def test_frames_shrink_by_area(data_dir):
    full, small = (_load(data_dir, "test", side).images for side in (84, 64))
    assert small.shape == (2 * FRAMES, 64, 64, 3) and small.dtype == np.uint8
    np.testing.assert_allclose(small, _area_mean(full, 64), atol=0.51)


@pytest.mark.parametrize(
    ("split", "seeds"),
    [
        ("train", (10, 11, 0, 1)),
        ("validation", (20, 21)),
        ("test", (30, 31)),
        ("train+test", (10, 11, 0, 1, 30, 31)),
    ],
)
def test_splits_are_in_the_order_of_the_files_numbers(data_dir, split, seeds):
    table = _load(data_dir, split, 84)
    want = np.concatenate([_walk(seed)[1] for seed in seeds])
    # Two JPEG decoders may round differently.
    assert np.abs(table.images.astype(int) - want).max() <= 3
    walks = np.repeat(np.arange(len(seeds)), FRAMES)
    np.testing.assert_array_equal(table.labels, walks)
    assert table.levels == 256


@pytest.mark.parametrize(
    ("split", "name"),
    [("train", "0001-of-1080"), ("validation", "0020-of-1080"), ("test", "001-of-120")],
)
def test_missing_files_say_what_to_copy_and_where_to(tmp_path, split, name):
    with pytest.raises(UserError) as caught:
        _load(tmp_path, split)
    part = "test" if split == "test" else "train"
    assert f"gs://gqn-dataset/mazes/{part}/{name}.tfrecord" in str(caught.value)
    assert str(_folder(tmp_path) / part) in str(caught.value)


def _flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-100], _flipped, lambda content: b""]
)
def test_a_damaged_file_is_named(data_dir, damage):
    path = _folder(data_dir) / "test" / "001-of-120.tfrecord"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=r"001-of-120\.tfrecord"):
        _load(data_dir, "test")


@pytest.mark.parametrize(
    "record",
    [
        b"\xff\xff\xff",
        _record(images=[b""]),
        _record(frames=[b"not a JPEG"] * FRAMES),
        _record(frames=[_walk(0)[0][0], _walk(0, side=70)[0][0]]),
    ],
    ids=["no example", "other keys", "no JPEG", "two sizes"],
)
def test_a_record_that_is_no_walk_is_named(data_dir, record):
    _write(_folder(data_dir) / "test" / "001-of-120.tfrecord", record)
    with pytest.raises(UserError, match=r"001-of-120\.tfrecord"):
        _load(data_dir, "test")

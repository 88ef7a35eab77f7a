import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kpp_tf import data
from kpp_tf.data import gqn_mazes
from kpp_tf.errors import UserError
from tests.data.tiny_data import data_config

FRAMES = 4


def _jpeg(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def _record(jpegs, cameras):
    feature = {
        "frames": tf.train.Feature(bytes_list=tf.train.BytesList(value=jpegs)),
        "cameras": tf.train.Feature(
            float_list=tf.train.FloatList(value=np.ravel(cameras))
        ),
    }
    return tf.train.Example(
        features=tf.train.Features(feature=feature)
    ).SerializeToString()


def _write(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


def _walk(seed, frames=FRAMES, side=84):
    """A smooth picture a frame, its JPEGs as Pillow decodes them, and cameras."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (frames, 7, 7, 3), np.uint8)
    images = coarse.repeat(side // 7, 1).repeat(side // 7, 2)
    jpegs = [_jpeg(image) for image in images]
    decoded = np.stack([np.asarray(Image.open(io.BytesIO(j))) for j in jpegs])
    return jpegs, decoded, rng.normal(size=(frames, 5)).astype(np.float32)


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
        walks = [_walk(seed), _walk(seed + 1)]
        path = _folder(tmp_path) / f"{name}.tfrecord"
        _write(path, [_record(jpegs, cameras) for jpegs, _, cameras in walks])
    return tmp_path


def _area_mean(images, size):
    """Exact area average: how much of each old pixel lies in each new one."""
    side = images.shape[1]
    low = np.arange(size)[:, None] * side / size
    old = np.arange(side)
    overlap = np.minimum(low + side / size, old + 1) - np.maximum(low, old)
    weights = np.clip(overlap, 0, 1) * size / side
    return np.einsum("ih,jw,nhwc->nijc", weights, weights, images, optimize=True)


def test_walks_come_with_their_frames(data_dir):
    path = _folder(data_dir) / "test" / "001-of-120.tfrecord"
    walks = list(gqn_mazes.read_walks(path))
    assert len(walks) == 2
    for seed, walk in zip((30, 31), walks, strict=True):
        decoded = _walk(seed)[1]
        assert walk.shape == (FRAMES, 84, 84, 3) and walk.dtype == np.uint8
        # Two JPEG decoders may round differently.
        assert np.abs(walk.astype(int) - decoded).max() <= 3


def test_frames_shrink_by_area(data_dir):
    path = _folder(data_dir) / "test" / "001-of-120.tfrecord"
    full, small = (next(gqn_mazes.read_walks(path, size)) for size in (None, 64))
    assert small.shape == (FRAMES, 64, 64, 3) and small.dtype == np.uint8
    np.testing.assert_allclose(small, _area_mean(full, 64), atol=0.51)


def test_splits_are_in_the_order_of_the_files_numbers(data_dir):
    for split, seeds in {
        "train": (10, 11, 0, 1),
        "validation": (20, 21),
        "test": (30, 31),
        "train+test": (10, 11, 0, 1, 30, 31),
    }.items():
        table = gqn_mazes.load(split, str(data_dir), 84)
        want = np.concatenate([_walk(seed)[1] for seed in seeds])
        assert np.abs(table.images.astype(int) - want).max() <= 3
        np.testing.assert_array_equal(
            table.labels, np.repeat(np.arange(len(seeds)), FRAMES)
        )


def test_gqn_mazes_are_a_data_set_of_the_config(data_dir):
    config = data_config("gqn_mazes", (64, 64, 3))
    table = data.load_images(config, "train", str(data_dir))
    assert table.images.shape == (4 * FRAMES, 64, 64, 3) and table.levels == 256
    np.testing.assert_array_equal(np.bincount(table.labels), [FRAMES] * 4)


@pytest.mark.parametrize(
    ("split", "name"),
    [("train", "0001-of-1080"), ("validation", "0020-of-1080"), ("test", "001-of-120")],
)
def test_missing_files_say_what_to_copy_and_where_to(tmp_path, split, name):
    with pytest.raises(UserError) as caught:
        gqn_mazes.load(split, str(tmp_path), 64)
    part = "test" if split == "test" else "train"
    assert f"gs://gqn-dataset/mazes/{part}/{name}.tfrecord" in str(caught.value)
    assert str(_folder(tmp_path) / part) in str(caught.value)


def test_other_files_are_no_walks(data_dir):
    (_folder(data_dir) / "test" / "001-of-120.tfrecord.part").write_bytes(b"x")
    assert len(gqn_mazes.find_files("test", str(data_dir))) == 1


def _truncated(path):
    path.write_bytes(path.read_bytes()[:-100])


def _flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def _empty(path):
    path.write_bytes(b"")


def _no_jpeg(path):
    _write(path, [_record([b"not a JPEG"] * FRAMES, np.zeros((FRAMES, 5)))])


def _no_example(path):
    _write(path, [b"\xff\xff\xff"])


def _other_keys(path):
    feature = {"images": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b""]))}
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    _write(path, [example.SerializeToString()])


def _two_sizes(path):
    small, large = _walk(0)[0], _walk(0, side=70)[0]
    _write(path, [_record([small[0], large[0]], np.zeros((2, 5)))])


@pytest.mark.parametrize(
    "damage",
    [
        _truncated,
        _flipped,
        _empty,
        _no_jpeg,
        _no_example,
        _other_keys,
        _two_sizes,
    ],
)
def test_damaged_files_are_named(data_dir, damage):
    path = _folder(data_dir) / "test" / "001-of-120.tfrecord"
    damage(path)
    with pytest.raises(ValueError, match=r"001-of-120\.tfrecord"):
        gqn_mazes.load("test", str(data_dir), 64)

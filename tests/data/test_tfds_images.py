"""Any prepared TFDS data set, streamed into a file: images, labels, splits, memory."""

import json
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from kpp_tf import data
from kpp_tf.errors import UserError
from tests.data.tiny_data import data_config, prepare, prepare_labelled, random_images

IMAGES = random_images(60, 8, 8, 3)
KIND = tfds.features.ClassLabel(names=["ant", "bee/queen", "cat"])


def _load(name, tmp_path, split="train", shape=(8, 8, 3), **changes):
    return data.load_images(data_config(name, shape, **changes), split, str(tmp_path))


def test_images_and_labels_of_the_splits_that_the_data_has(tmp_path):
    kinds = np.arange(60) % 3
    kinds[5] = -1  # TFDS's number for no label
    splits = {
        "train": {"image": IMAGES[:40], "kind": kinds[:40]},
        "validation": {"image": IMAGES[40:55], "kind": kinds[40:55]},
        "test": {"image": IMAGES[55:], "kind": kinds[55:]},
    }
    prepare(tmp_path, "animals", splits, kind=KIND)
    for split, rows in {
        "train": slice(0, 40),
        "validation": slice(40, 55),
        "train+test": np.r_[0:40, 55:60],
    }.items():
        table = _load("tfds:animals", tmp_path, split)
        assert isinstance(table.images, np.memmap)
        np.testing.assert_array_equal(table.images, IMAGES[rows])
        names = np.array([*table.names["class"]])[table.labels]
        expected = np.array(["ant", "bee-queen", "cat", "unlabelled"])[kinds[rows]]
        np.testing.assert_array_equal(names, expected)
        assert len(table.image_names) == len(table)


def test_missing_splits_are_held_out_and_keep_their_images_and_labels(tmp_path):
    images = np.arange(200, dtype=np.uint8)[:, None, None, None]
    images = np.broadcast_to(images, (200, 8, 8, 1))
    prepare_labelled(tmp_path, "numbers", train=images)
    seen = []
    for split in data.SPLITS:
        table = _load("tfds:numbers", tmp_path, split, (8, 8, 1))
        values = table.images[:, 0, 0, 0]
        np.testing.assert_array_equal(table.labels, values % 10)
        assert table.image_names == [f"train/{value}" for value in values]
        seen += values.tolist()
    assert sorted(seen) == list(range(200))
    other = _load("tfds:numbers", tmp_path, "test", (8, 8, 1), split_seed=1)
    assert set(other.images[:, 0, 0, 0]) != set(
        _load("tfds:numbers", tmp_path, "test", (8, 8, 1)).images[:, 0, 0, 0]
    )


def test_images_are_cropped_to_the_aspect_and_averaged(tmp_path):
    """As Pillow crops and reduces them: faces of 218 x 178 to 64 x 64, for one."""
    rows, columns = np.mgrid[:218, :178]
    ramp = np.stack([rows, columns, 0 * rows + 77], -1).astype(np.uint8)
    prepare(tmp_path, "faces", {"test": {"image": ramp[None]}}, "png")
    table = _load("tfds:faces", tmp_path, "test", (64, 64, 3))
    cropped = Image.fromarray(ramp[20:198])
    expected = np.asarray(cropped.resize((64, 64), Image.Resampling.BILINEAR))
    difference = table.images[0].astype(int) - expected
    assert np.abs(difference).max() <= 1
    assert table.labels is None and table.levels == 256


@pytest.mark.parametrize("changes", [{"invert": True}, {"binarize": "fixed"}])
def test_tones_of_images_on_disk_change_on_disk(tmp_path, changes):
    grey = random_images(50, 8, 8, 1)
    prepare_labelled(tmp_path, "grey", train=grey[:40], test=grey[40:])
    table = _load("tfds:grey", tmp_path, "test", (8, 8, 1), **changes)
    expected = 255 - grey[40:] if "invert" in changes else 255 * (grey[40:] >= 128)
    assert isinstance(table.images, np.memmap)
    np.testing.assert_array_equal(table.images, expected)
    assert table.levels == (256 if "invert" in changes else 2)
    np.testing.assert_array_equal(
        _load("tfds:grey", tmp_path, "test", (8, 8, 1)).images, grey[40:]
    )


def test_a_data_set_is_decoded_once_until_it_changes(tmp_path):
    folder = prepare_labelled(tmp_path, "kept", train=IMAGES[:40], test=IMAGES[40:])
    first = _load("tfds:kept", tmp_path, "test").images
    (shard,) = folder.glob("*test*tfrecord*")
    contents = shard.read_bytes()
    shard.write_bytes(contents[: len(contents) // 2])
    # Labels are read each time, images are not.
    with pytest.raises(UserError, match=f"{shard} cannot be read"):
        _load("tfds:kept", tmp_path, "test")
    shard.write_bytes(contents)
    np.testing.assert_array_equal(_load("tfds:kept", tmp_path, "test").images, first)
    assert len(list((folder / "kpp_tf_cache").iterdir())) == 1
    about = folder / "dataset_info.json"
    info = json.loads(about.read_text())
    about.write_text(json.dumps({**info, "description": "other data"}))
    _load("tfds:kept", tmp_path, "test")
    assert len(list((folder / "kpp_tf_cache").iterdir())) == 2


def test_numpy_never_holds_the_whole_split(tmp_path):
    """`tracemalloc` counts what NumPy allocates: less than half of the images."""
    images = np.zeros((3000, 64, 64, 1), np.uint8)
    images[::2] = 200
    prepare_labelled(tmp_path, "large", train=images, test=images[:1])
    _load("tfds:large", tmp_path, "test", (64, 64, 1))  # what is loaded once
    tracemalloc.start()
    config = {"shape": (64, 64, 1), "binarize": "fixed"}
    table = _load("tfds:large", tmp_path, **config)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(table) > 2500 and set(np.unique(table.images)) == {0, 255}
    assert peak < 0.5 * images.nbytes


_PEAK_OF_MEMORY = """
import itertools, resource, sys
import numpy as np
from kpp_tf import config, data

def load(name):
    data_config = config.default().data
    data_config.update({"name": name, "image_shape": (160, 160, 3)})
    data_config.update({"episode_length": 4, "episodes_per_batch": 2})
    table = data.load_images(data_config, "train", sys.argv[1])
    numbers = np.array([int(name.split("/")[1]) for name in table.image_names])
    episodes = data.training_episodes(table, data_config, seed=0)
    for batch in itertools.islice(episodes, 2):
        images = np.rint(batch.images.numpy() * 255)
        np.testing.assert_array_equal(
            images[..., 0, 0, 0], numbers[batch.index.numpy()] % 251
        )
    return len(table)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # of KiB

load("tfds:small")  # what is loaded once
before = peak()
print(load("tfds:large"), peak() - before)
"""


def _numbered(count):
    """Images of one value, which is their number modulo 251, made one at a time."""
    numbers = tf.data.Dataset.range(count)
    return numbers.map(
        lambda n: {"image": tf.fill((176, 160, 3), tf.cast(n % 251, tf.uint8))}
    )


@pytest.mark.slow
def test_training_on_a_large_data_set_takes_a_fraction_of_its_size_in_memory(tmp_path):
    """345 MB of images: the process grows by less than a third."""
    for name, count in (("small", 600), ("large", 5000)):
        tfds.dataset_builders.store_as_tfds_dataset(
            name=name,
            version="1.0.0",
            features=tfds.features.FeaturesDict(
                {"image": tfds.features.Image(shape=(176, 160, 3))}
            ),
            split_datasets={"train": _numbered(count), "test": _numbered(1)},
            data_dir=tmp_path,
            disable_shuffling=True,
        )
    done = subprocess.run(
        [sys.executable, "-c", _PEAK_OF_MEMORY, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    count, growth = map(int, done.stdout.split())
    assert abs(count - 4500) < 150
    assert growth < count * 160 * 160 * 3 / 3

import shutil
import socket

import numpy as np
import pytest

from kpp_tf.data import tfds_files
from kpp_tf.errors import UserError
from tests.data.tiny_data import prepare_labelled, random_images

IMAGES = random_images(30, 28, 28, 1)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A prepared data set of 20 training and 10 test images."""
    folder = tmp_path_factory.mktemp("original")
    return prepare_labelled(folder, "mnist", train=IMAGES[:20], test=IMAGES[20:])


@pytest.fixture
def folder(original, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(original, tmp_path / "mnist" / "1.0.0")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def refuse(*arguments, **keywords):
        raise AssertionError(f"tried the network: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def _shard(folder, split):
    return folder / f"mnist-{split}.tfrecord-00000-of-00001"


def test_reads_a_split_in_order(folder, tmp_path):
    assert tfds_files.find("mnist", str(tmp_path)) == folder
    arrays = tfds_files.read(folder, "train[5:]+test", ("image", "label"))
    np.testing.assert_array_equal(arrays["image"], IMAGES[5:])
    np.testing.assert_array_equal(arrays["label"], np.arange(5, 30) % 10)


def test_batches_are_transformed_and_hold_the_wanted_rows(folder):
    rows = np.arange(20) % 3 == 1
    found = list(
        tfds_files.batches(
            folder,
            "train",
            ("image",),
            transform=lambda example: {"image": 255 - example["image"]},
            rows=rows,
            batch_size=4,
        )
    )
    assert [len(batch["image"]) for batch in found] == [4, 3]
    together = np.concatenate([batch["image"] for batch in found])
    np.testing.assert_array_equal(together, 255 - IMAGES[:20][rows])


def test_the_newest_whole_version_is_found(folder, tmp_path):
    shutil.copytree(folder, folder.with_name("1.10.0"))
    shutil.copytree(folder, folder.with_name("1.2.0"))
    assert tfds_files.find("mnist", str(tmp_path)).name == "1.10.0"


def test_the_environment_names_the_default_folder(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert tfds_files.find("mnist", None) == folder
    monkeypatch.delenv("TFDS_DATA_DIR")
    assert tfds_files.data_root(None).name == "tensorflow_datasets"


def test_a_missing_data_set_says_what_to_run_and_where_it_looked(tmp_path):
    with pytest.raises(UserError) as error:
        tfds_files.find("cifar10", str(tmp_path))
    message = str(error.value)
    assert f"--name=cifar10 --data_dir={tmp_path}" in message
    assert str(tmp_path / "cifar10") in message
    assert "Nothing was downloaded" in message


def test_an_unfinished_preparation_is_not_taken_for_a_whole_one(folder, tmp_path):
    # TFDS works in such a folder and renames it at the end.
    folder.rename(folder.with_name("incomplete.A1B2C3_1.0.0"))
    with pytest.raises(UserError, match="not prepared"):
        tfds_files.find("mnist", str(tmp_path))


@pytest.mark.parametrize("name", ["dataset_info.json", "features.json"])
def test_missing_metadata_is_named(folder, tmp_path, name):
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"{name} is missing"):
        tfds_files.find("mnist", str(tmp_path))


def test_damaged_metadata_is_named(folder):
    (folder / "dataset_info.json").write_text('{"name": "mnist", "spl')
    with pytest.raises(UserError, match=f"metadata in {folder} cannot be read"):
        tfds_files.read(folder, "train", ("image",))


def test_a_missing_shard_is_named(folder):
    _shard(folder, "test").unlink()
    with pytest.raises(UserError, match=f"{_shard(folder, 'test')} is missing"):
        tfds_files.read(folder, "train", ("image",))


def _altered(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


def _without_the_first(content):
    return content[16 + int.from_bytes(content[:8], "little") :]  # length and checksums


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: b"", ""),
        (lambda content: content[: len(content) // 2], ""),
        (lambda content: content[:-9], ""),
        (_without_the_first, "cannot.* only 29 elements"),
        (_altered, "cannot be read"),
    ],
)
def test_a_damaged_file_is_named(folder, damage, message):
    shard = _shard(folder, "train")
    shard.write_bytes(damage(shard.read_bytes()))
    with pytest.raises(UserError, match=f"{shard} {message}"):
        tfds_files.read(folder, "train+test", ("image",))


def test_images_of_another_size_are_refused_naming_the_file(folder, tmp_path):
    images = random_images(20, 14, 14, 1)
    small = prepare_labelled(tmp_path / "small", "mnist", train=images)
    shutil.copy(_shard(small, "train"), _shard(folder, "train"))
    with pytest.raises(UserError, match=f"{_shard(folder, 'train')} cannot be read"):
        tfds_files.read(folder, "train", ("image",))


def test_an_unknown_split_or_feature_names_those_there_are(folder):
    with pytest.raises(UserError, match=r"'dev'; it has \{'train': 20, 'test': 10\}"):
        tfds_files.read(folder, "dev", ("image",))
    with pytest.raises(UserError, match=r"no feature \['alphabet'\]; it has"):
        tfds_files.read(folder, "train", ("image", "alphabet"))
    with pytest.raises(UserError, match="is empty"):
        tfds_files.read(folder, "train[20:]", ("image",))

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf import data
from kpp_tf.data import imagenet32
from tests.data.tiny_data import data_config, prepare, random_images

IMAGENET = random_images(9, 32, 32, 3)


def _pngs(root):
    folder = root / "downloads" / "manual" / "imagenet32"
    for name, images in (("train_32x32", IMAGENET[:6]), ("valid_32x32", IMAGENET[6:])):
        (folder / name).mkdir(parents=True)
        for number, image in enumerate(images):
            path = folder / name / f"{number:07}.png"
            path.write_bytes(tf.io.encode_png(image).numpy())
    return folder


def _npzs(root):
    folder = root / "downloads" / "manual" / "imagenet32"
    folder.mkdir(parents=True)
    planes = IMAGENET.transpose(0, 3, 1, 2).reshape(9, -1)
    np.savez(folder / "train_data_batch_10.npz", data=planes[4:6], labels=[1, 2])
    np.savez(folder / "train_data_batch_2.npz", data=planes[:4], labels=[1, 2, 3, 4])
    np.savez(folder / "val_data.npz", data=planes[6:], labels=[1, 2, 3])
    return folder


def _prepared_imagenet(root):
    # TFDS names the config "32x32"; a data set of that name has the same files.
    return prepare(
        root / "downsampled_imagenet",
        "32x32",
        {"train": {"image": IMAGENET[:6]}, "validation": {"image": IMAGENET[6:]}},
    )


@pytest.mark.parametrize("write", [_pngs, _npzs, _prepared_imagenet])
def test_imagenet32_is_read_in_each_of_its_forms(write, tmp_path, monkeypatch):
    monkeypatch.setitem(imagenet32._PARTS, "train", ("train", slice(None, -2)))
    monkeypatch.setitem(imagenet32._PARTS, "validation", ("train", slice(-2, None)))
    write(tmp_path)
    expected = {
        "train": IMAGENET[:4],
        "validation": IMAGENET[4:6],
        "train+validation": IMAGENET[:6],
        "test": IMAGENET[6:],
    }
    for split, images in expected.items():
        table = data.load_images(
            data_config("imagenet32", (32, 32, 3)), split, str(tmp_path)
        )
        np.testing.assert_array_equal(table.images, images)
        assert isinstance(table.images, np.memmap)


def test_imagenet32_names_a_damaged_file(tmp_path):
    config = data_config("imagenet32", (32, 32, 3))
    folder = _pngs(tmp_path)
    wrong = folder / "valid_32x32" / "0000001.png"
    wrong.write_bytes(tf.io.encode_png(np.zeros((32, 31, 3), np.uint8)).numpy())
    with pytest.raises(ValueError, match=f"{wrong} is not an RGB PNG of 32 x 32"):
        data.load_images(config, "test", str(tmp_path))
    wrong.write_bytes(b"no picture")
    with pytest.raises(ValueError, match=f"{wrong} is not"):
        data.load_images(config, "test", str(tmp_path))


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({"images": IMAGENET}, "not a .npz file with an array 'data'"),
        ({"data": np.zeros((2, 768), np.uint8)}, r"Received: uint8 \(2, 768\)"),
        ({"data": np.zeros((2, 3072))}, r"Received: float64 \(2, 3072\)"),
        ({"data": np.array([{"a": 1}])}, "Received: object"),
    ],
)
def test_imagenet32_refuses_other_arrays_naming_the_file(contents, message, tmp_path):
    path = tmp_path / "downloads" / "manual" / "imagenet32" / "val_data.npz"
    path.parent.mkdir(parents=True)
    np.savez(path, **contents)
    with pytest.raises(ValueError, match=message) as error:
        data.load_images(data_config("imagenet32", (32, 32, 3)), "test", str(tmp_path))
    assert str(path) in str(error.value)

"""Every data set: on real prepared data where it is there, and on small stand-ins."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from kpp_tf import config as config_lib
from kpp_tf import data
from kpp_tf.data import imagenet32, omniglot28
from kpp_tf.errors import UserError
from tests.data.tiny_data import prepare, random_images


def _config(name, shape=(28, 28, 1), **changes):
    config = config_lib.default().data
    config.name = name
    config.image_shape = shape
    config.update(changes)
    return config


@pytest.fixture(autouse=True)
def _cache_beside_the_data(monkeypatch):
    monkeypatch.delenv("KPP_CACHE_DIR", raising=False)


# Images in train, validation, test; mean of train+validation in [0, 1], with its
# tolerance. The means of MNIST and Fashion-MNIST are those known to four digits; that
# of the binarization is MNIST's, of 70,000 x 784 draws.
REAL = {
    "binarized_mnist": ((50_000, 10_000, 10_000), 0.1307, 2e-4),
    "mnist": ((50_000, 10_000, 10_000), 0.1307, 5e-5),
    "fashion_mnist": ((50_000, 10_000, 10_000), 0.2860, 5e-5),
}


@pytest.mark.real_data
@pytest.mark.parametrize("name", REAL)
def test_real_data_have_the_known_sizes_and_means(name, tfds_dir):
    sizes, mean, tolerance = REAL[name]
    tables = {
        split: data.load_images(_config(name), split, str(tfds_dir))
        for split in ("train+validation", "validation", "test")
    }
    assert len(tables["train+validation"]) == sizes[0] + sizes[1]
    assert len(tables["validation"]) == sizes[1]
    assert len(tables["test"]) == sizes[2]
    whole = tables["train+validation"]
    assert abs(whole.images.mean() / 255 - mean) < tolerance
    np.testing.assert_array_equal(whole.images[sizes[0] :], tables["validation"].images)


@pytest.mark.real_data
@pytest.mark.parametrize("name", REAL)
def test_real_images_are_those_that_tfds_reads(name, tfds_dir):
    table = data.load_images(_config(name), "test", str(tfds_dir))
    examples = tfds.load(
        name, split="test[:100]", data_dir=str(tfds_dir), download=False
    )
    scale = 255 if name == "binarized_mnist" else 1
    for row, example in enumerate(examples.as_numpy_iterator()):
        np.testing.assert_array_equal(table.images[row], scale * example["image"])
        if table.labels is not None:
            assert table.labels[row] == example["label"]


@pytest.mark.real_data
def test_a_pass_over_binarized_mnist_counts_ten_thousand_images(tfds_dir):
    config = _config("binarized_mnist")
    table = data.load_images(config, "test", str(tfds_dir))
    assert set(np.unique(table.images)) == {0, 255}
    images = ink = 0
    for batch in data.evaluation_episodes(table, config, episodes_per_batch=8, seed=1):
        images += float(tf.reduce_sum(batch.mask))
        ink += float(tf.reduce_sum(batch.images))
    assert images == 10_000
    # Padding adds no ink: the pass sums to the table, in whole pixels.
    assert ink == (table.images > 0).sum()


@pytest.mark.real_data
def test_omniglot_test_split_is_the_evaluation_alphabets(tfds_dir):
    config = _config("omniglot28")
    table = data.load_images(config, "test", str(tfds_dir))
    assert len(table) == 13_180
    assert set(table.groups["alphabet"]) == set(range(30, 50))
    assert (np.bincount(table.labels - table.labels.min()) % 20 == 0).all()
    assert set(np.unique(table.images)) == {0, 255}
    images = sum(
        float(tf.reduce_sum(batch.mask))
        for batch in data.evaluation_episodes(
            table, config, episodes_per_batch=8, seed=1
        )
    )
    assert images == 13_180


@pytest.mark.real_data
def test_omniglot_images_are_area_averages_of_the_ink(tfds_dir):
    """Against TensorFlow's own area-averaging resize, in float32."""
    folder = tfds_dir / "omniglot" / "3.0.0"
    examples = tfds.builder_from_directory(folder).as_dataset(split="test[:40]")
    for example in examples:
        ink = 1 - tf.cast(example["image"], tf.float32)[..., :1] / 255
        share = tf.image.resize(ink, (28, 28), "area")[..., 0].numpy()
        ours = omniglot28._shrink(example)["image"].numpy()[..., 0]
        clear = np.abs(share - omniglot28.THRESHOLD) > 1e-3
        expected = np.where(share >= omniglot28.THRESHOLD, 255, 0)
        np.testing.assert_array_equal(ours[clear], expected[clear])


def test_omniglot_splits_are_by_alphabet(tmp_path):
    alphabets = {"train": np.arange(0, 30), "test": np.arange(30, 50)}
    white = np.full((105, 105, 3), 255, np.uint8)
    prepare(
        tmp_path,
        "omniglot",
        {
            split: {
                "image": np.broadcast_to(white, (len(numbers), 105, 105, 3)),
                "alphabet": numbers,
                "alphabet_char_id": 0 * numbers,
                "label": 10 * numbers,
            }
            for split, numbers in alphabets.items()
        },
        "png",
        alphabet=tfds.features.ClassLabel(num_classes=50),
        alphabet_char_id=np.int64,
        label=tfds.features.ClassLabel(num_classes=1623),
    )
    expected = {
        "train": range(0, 25),
        "validation": range(25, 30),
        "test": range(30, 50),
        "train+validation": range(0, 30),
        "validation+test": range(25, 50),
    }
    for split, numbers in expected.items():
        table = data.load_images(_config("omniglot28"), split, str(tmp_path))
        assert sorted(table.groups["alphabet"]) == list(numbers)
        np.testing.assert_array_equal(table.labels, 10 * table.groups["alphabet"])
        assert not table.images.any()  # White paper: no ink.


def test_cifar10_is_read_whatever_the_size_of_its_test_split(tmp_path):
    images = random_images(7, 32, 32, 3)
    prepare(
        tmp_path,
        "cifar10",
        {"test": {"image": images, "label": np.arange(7), "id": np.arange(7)}},
        label=tfds.features.ClassLabel(num_classes=10),
        id=np.int64,
    )
    table = data.load_images(_config("cifar10", (32, 32, 3)), "test", str(tmp_path))
    np.testing.assert_array_equal(table.images, images)
    assert table.levels == 256
    with pytest.raises(UserError, match="has no split 'train"):
        data.load_images(_config("cifar10", (32, 32, 3)), "train", str(tmp_path))


def test_celeb_a_is_cropped_shrunk_and_kept_on_disk(tmp_path):
    # Linear ramps survive area averaging: cell centres keep their values.
    rows, columns = np.mgrid[:218, :178]
    image = np.stack([rows, columns, 0 * rows + 77], -1).astype(np.uint8)
    folder = prepare(tmp_path, "celeb_a", {"test": {"image": image[None]}}, "png")
    config = _config("celeb_a", (64, 64, 3))
    table = data.load_images(config, "test", str(tmp_path))
    assert isinstance(table.images, np.memmap)
    centres = (np.arange(64) + 0.5) * 148 / 64 - 0.5
    red, green, blue = np.moveaxis(table.images[0].astype(float), -1, 0)
    np.testing.assert_allclose(red, np.tile(35 + centres[:, None], 64), atol=0.51)
    np.testing.assert_allclose(green, np.tile(15 + centres, (64, 1)), atol=0.51)
    np.testing.assert_array_equal(blue, 77)
    # The second time only the file of decoded images is read.
    (shard,) = folder.glob("*.tfrecord*")
    shard.write_bytes(b"damaged")
    again = data.load_images(config, "test", str(tmp_path))
    np.testing.assert_array_equal(again.images, table.images)


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
            _config("imagenet32", (32, 32, 3)), split, str(tmp_path)
        )
        np.testing.assert_array_equal(table.images, images)
        assert isinstance(table.images, np.memmap)


def test_imagenet32_names_a_damaged_file(tmp_path):
    config = _config("imagenet32", (32, 32, 3))
    folder = _pngs(tmp_path)
    wrong = folder / "valid_32x32" / "0000001.png"
    wrong.write_bytes(tf.io.encode_png(np.zeros((32, 31, 3), np.uint8)).numpy())
    with pytest.raises(UserError, match=f"{wrong} is not an RGB PNG of 32 x 32"):
        data.load_images(config, "test", str(tmp_path))
    wrong.write_bytes(b"no picture")
    with pytest.raises(UserError, match=f"{wrong} is not"):
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
    with pytest.raises(UserError, match=message) as error:
        data.load_images(_config("imagenet32", (32, 32, 3)), "test", str(tmp_path))
    assert str(path) in str(error.value)


@pytest.mark.parametrize("name", sorted(set(data.DATA_SETS) - {"glyphs"}))
def test_a_missing_data_set_says_what_to_do_and_where(name, tmp_path):
    shapes = {"cifar10": (32, 32, 3), "imagenet32": (32, 32, 3)}
    shape = shapes.get(name, (64, 64, 3) if "mazes" in name else (28, 28, 1))
    with pytest.raises(UserError) as error:
        data.load_images(_config(name, shape), "train", str(tmp_path))
    message = str(error.value)
    assert str(tmp_path) in message
    assert "python tools/" in message or "Unpack" in message or "Copy" in message
    assert "Nothing was downloaded" in message


def test_fixed_binarization_is_in_the_table_and_dynamic_is_not(tmp_path):
    images = np.arange(256, dtype=np.uint8)[:, None, None, None]
    images = np.broadcast_to(images, (256, 28, 28, 1))
    prepare(
        tmp_path,
        "mnist",
        {"test": {"image": images, "label": np.zeros(256, np.int64)}},
        label=tfds.features.ClassLabel(num_classes=10),
    )
    grey, fixed, dynamic = (
        data.load_images(_config("mnist", binarize=kind), "test", str(tmp_path))
        for kind in ("none", "fixed", "dynamic")
    )
    assert (grey.levels, fixed.levels, dynamic.levels) == (256, 2, 2)
    np.testing.assert_array_equal(grey.images, images)
    np.testing.assert_array_equal(dynamic.images, images)
    np.testing.assert_array_equal(fixed.images, np.where(images >= 128, 255, 0))


@pytest.mark.parametrize(
    ("name", "binarize", "likelihood", "remedies"),
    [
        ("mnist", "none", "bernoulli", ["'logistic_mixture'", "'fixed' or 'dynamic'"]),
        ("mnist", "fixed", "logistic_mixture:2", ["'bernoulli'", "binarize='none'"]),
        ("mnist", "dynamic", "gaussian", ["'bernoulli'", "binarize='none'"]),
        ("cifar10", "none", "bernoulli", ["'logistic_mixture'"]),
        ("glyphs", "none", "logistic_mixture", ["'bernoulli'"]),
        ("mnist", "dynamic", "bernoulli", None),
        ("mnist", "none", "gaussian", None),
        ("glyphs", "none", "bernoulli", None),
    ],
)
def test_the_likelihood_must_be_one_of_the_images_levels(
    name, binarize, likelihood, remedies, tmp_path
):
    shape = (32, 32, 3) if name == "cifar10" else (28, 28, 1)
    if name != "glyphs":
        images = random_images(4, *shape)
        prepare(
            tmp_path,
            name,
            {"test": {"image": images, "label": np.arange(4)}},
            label=tfds.features.ClassLabel(num_classes=10),
        )
    config = config_lib.default()
    config.data = _config(name, shape, binarize=binarize)
    config.model.likelihood = likelihood
    if remedies is None:
        assert len(data.load_scored(config, "test", str(tmp_path)))
        return
    with pytest.raises(UserError, match="is no likelihood") as error:
        data.load_scored(config, "test", str(tmp_path))
    for remedy in remedies:
        assert remedy in str(error.value)
    assert ("binarize with" in str(error.value)) == (
        name == "mnist" and binarize == "none"
    )


@pytest.mark.parametrize(
    ("config", "split", "message"),
    [
        (_config("nist"), "train", "knows .*'mnist'.* Received: 'nist'"),
        (_config("glyphs"), "dev", "Received: 'dev'"),
        (_config("glyphs"), "train+train", "Received: 'train\\+train'"),
        (_config("glyphs", (32, 32, 1)), "test", r"Received: \(32, 32, 1\)"),
        (_config("glyphs", binarize="otsu"), "test", "Received: 'otsu'"),
    ],
)
def test_refuses_a_wrong_config(config, split, message):
    with pytest.raises(UserError, match=message):
        data.load_images(config, split)

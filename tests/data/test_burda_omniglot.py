import shutil
import unittest
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import tensorflow_datasets as tfds
from tensorflow_datasets.scripts.cli import build, cli_utils

from kpp_tf import data
from kpp_tf.data import omniglot
from kpp_tf.data.burda_omniglot import burda_omniglot_dataset_builder as builder_lib
from kpp_tf.errors import UserError
from tests.data.tiny_data import blank_chardata, data_config

FOLDER = Path(builder_lib.__file__).parent
SIZES = {"train": 6, "test": 4}


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Lets the few images of these tests pass for the whole file."""
    for split, size in SIZES.items():
        monkeypatch.setitem(builder_lib.IMAGES, split, size)


def _contents():
    """What a file like `chardata.mat` holds, and the images it stands for."""
    rng = np.random.default_rng(0)
    contents, images = {}, {}
    for split, size in SIZES.items():
        keys = builder_lib.KEYS[split]
        images[split] = rng.integers(0, 256, (size, 28, 28))
        # MATLAB flattens column by column: "F" order.
        columns = [image.reshape(-1, order="F") / 255 for image in images[split]]
        contents[keys[0]] = np.stack(columns, axis=1)
        contents[keys[1]] = np.eye(50)[:, rng.integers(0, 50, size)]
        contents[keys[2]] = rng.integers(1, 56, (1, size)).astype(float)
    return contents, images


def _write(folder, contents):
    folder.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(folder / "chardata.mat", contents, do_compression=True)
    return folder / "chardata.mat"


def _prepare(data_dir, manual_dir):
    builder = builder_lib.Builder(data_dir=data_dir)
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
    )


def test_prepared_images_and_labels_are_those_of_the_file(tmp_path):
    contents, images = _contents()
    _write(tmp_path / "manual", contents)
    _prepare(tmp_path, tmp_path / "manual")
    seen = 0
    for split, parts in (("train", ("train", "validation")), ("test", ("test",))):
        _, alphabets, characters = builder_lib.KEYS[split]
        expected = {
            image.tobytes(): (alphabet, character)
            for image, alphabet, character in zip(
                images[split].astype(np.uint8),
                contents[alphabets].T.argmax(1),
                contents[characters][0].astype(int) - 1,
                strict=True,
            )
        }
        for part in parts:
            table = omniglot.load_burda(part, str(tmp_path), held_out=2)
            for row in range(len(table)):
                alphabet, character = expected.pop(table.images[row].tobytes())
                assert table.groups["alphabet"][row] == alphabet
                assert table.labels[row] == 64 * alphabet + character
                seen += 1
        assert not expected
    assert seen == 10


@pytest.mark.slow
def test_tfds_build_prepares_it_from_the_manual_folder(tmp_path):
    # The command imports the builder anew, which then wants the whole number.
    _write(tmp_path / "manual", blank_chardata())
    arguments = [
        "build",
        str(FOLDER),
        f"--data_dir={tmp_path}",
        f"--manual_dir={tmp_path / 'manual'}",
    ]
    cli_utils.make_flags_parser(build.Args, "")(arguments).execute()
    folder = tmp_path / "burda_omniglot" / "1.0.0"
    sizes = tfds.builder_from_directory(folder).info.splits
    assert {name: info.num_examples for name, info in sizes.items()} == {
        "train": 24_345,
        "test": 8_070,
    }


def test_the_folder_describes_the_data_set():
    metadata = builder_lib.Builder.get_metadata()
    assert "24,345" in metadata.description and metadata.tags
    assert "burda2016importance" in metadata.citation


def test_tfds_own_tests_of_a_builder_pass(tmp_path):
    pytest.importorskip("dill", reason="tensorflow_datasets.testing imports dill")
    _write(tmp_path, _contents()[0])

    class BuilderTest(tfds.testing.DatasetBuilderTestCase):
        DATASET_CLASS = builder_lib.Builder
        EXAMPLE_DIR = tmp_path  # the manual folder
        SPLITS = SIZES

    suite = unittest.defaultTestLoader.loadTestsFromTestCase(BuilderTest)
    result = unittest.TestResult()
    suite.run(result)
    assert result.testsRun > 5
    assert not result.failures + result.errors


def _without(key):
    return lambda contents: contents.pop(key)


def _set(key, value):
    return lambda contents: contents.update({key: value})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_without("testdata"), r"lacks the arrays \['testdata'\]; it has \['data'"),
        (_set("data", np.zeros((784, 5))), r"\(784, 5\).* expected .*\(784, 6\)"),
        (_set("target", np.eye(49)[:, :6]), r"\(49, 6\)"),
        (_set("data", np.full((784, 6), 1.5)), "from 1.5 to 1.5"),
        (_set("data", np.full((784, 6), np.nan)), "from nan to nan"),
        (_set("targetchar", np.zeros((1, 6))), "characters from 1 up"),
        (_set("testtarget", np.zeros((50, 4))), "one-hot"),
    ],
)
def test_another_file_is_refused_and_named(damage, message, tmp_path):
    contents, _ = _contents()
    damage(contents)
    path = _write(tmp_path / "manual", contents)
    with pytest.raises(UserError, match=message) as error:
        _prepare(tmp_path, tmp_path / "manual")
    assert str(path) in str(error.value)
    # What was begun is not taken for a whole data set.
    with pytest.raises(UserError, match=r"prepare_data\.py"):
        data.load_images(data_config("burda_omniglot"), "train", str(tmp_path))


def test_a_file_that_is_no_mat_is_refused_and_named(tmp_path):
    path = _write(tmp_path / "manual", _contents()[0])
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(UserError, match=f"{path} is not a MATLAB file"):
        _prepare(tmp_path, tmp_path / "manual")


def test_without_a_manual_folder_the_public_address_is_downloaded(
    tmp_path, monkeypatch
):
    asked = []

    def download(self, url):
        asked.append(url)
        return path

    path = _write(tmp_path / "elsewhere", _contents()[0])
    monkeypatch.setattr(tfds.download.DownloadManager, "download", download)
    builder_lib.Builder(data_dir=tmp_path / "data").download_and_prepare()
    assert asked == [builder_lib.URL]
    shutil.rmtree(tmp_path / "data")

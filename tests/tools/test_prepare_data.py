import numpy as np
import pytest
import scipy.io
import tensorflow_datasets as tfds

from tests.programs import tool


@pytest.mark.slow
def test_prepares_burda_omniglot_from_the_manual_folder_and_never_overwrites(tmp_path):
    contents = {}
    for prefix, size in (("", 24_345), ("test", 8_070)):
        contents[f"{prefix}data"] = np.zeros((784, size), np.uint8)
        contents[f"{prefix}target"] = np.tile(np.eye(50, dtype=np.uint8)[:, :1], size)
        contents[f"{prefix}targetchar"] = np.ones((1, size), np.uint8)
    (tmp_path / "manual").mkdir()
    scipy.io.savemat(
        tmp_path / "manual" / "chardata.mat", contents, do_compression=True
    )
    arguments = (
        "--name=burda_omniglot",
        f"--data_dir={tmp_path}",
        f"--manual_dir={tmp_path / 'manual'}",
    )
    done = tool("prepare_data", *arguments)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "burda_omniglot" / "1.0.0"
    assert f"Wrote {folder}: 8,070 test, 24,345 train images" in done.stdout
    splits = tfds.builder_from_directory(folder).info.splits
    assert splits["train"].num_examples == 24_345
    again = tool("prepare_data", *arguments)
    assert again.returncode != 0
    assert "is not overwritten" in again.stderr


def test_explains_itself_and_names_the_data_sets():
    done = tool("prepare_data", "--help")
    assert "--name=mnist --data_dir" in done.stdout
    assert "burda_omniglot" in done.stdout
    assert "--manual_dir" in done.stdout

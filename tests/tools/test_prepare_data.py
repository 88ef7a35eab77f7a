import pytest
import scipy.io
import tensorflow_datasets as tfds

from tests.data.tiny_data import blank_chardata
from tests.programs import done, tool


@pytest.mark.slow
def test_prepares_burda_omniglot_from_the_manual_folder_and_never_overwrites(tmp_path):
    manual = tmp_path / "manual"
    manual.mkdir()
    scipy.io.savemat(manual / "chardata.mat", blank_chardata(), do_compression=True)
    flags = f"--data_dir={tmp_path}", f"--manual_dir={manual}"
    process = done("prepare_data", "--name=burda_omniglot", *flags)
    folder = tmp_path / "burda_omniglot" / "1.0.0"
    assert f"Wrote {folder}: 8,070 test, 24,345 train images" in process.stdout
    splits = tfds.builder_from_directory(folder).info.splits
    assert splits["train"].num_examples == 24_345
    again = tool("prepare_data", "--name=burda_omniglot", *flags)
    assert again.returncode != 0
    assert "is not overwritten" in again.stderr

"""A run whose images moved, or were replaced."""

import json

import numpy as np
import pytest
from PIL import Image

from kpp_tf import config as config_lib
from kpp_tf.training import checkpoints, run_data, workdirs


@pytest.fixture
def config(tmp_path):
    """Of a run on a folder of pictures."""
    (tmp_path / "a").mkdir()
    _draw(tmp_path / "a", seed=0)
    config = config_lib.default()
    config.data.name = str(tmp_path / "a")
    return config


@pytest.fixture
def run(config, tmp_path, monkeypatch):
    """The folder of a run that has made 5 steps."""
    folder = tmp_path / "run"
    folder.mkdir()
    workdirs.write_config(folder, config, 0)
    run_data.keep(folder, config, None, 0)
    path = folder / "ckpt-5"
    monkeypatch.setattr(checkpoints, "newest_checkpoint", lambda workdir: path)
    return folder


def _draw(folder, seed):
    images = np.random.default_rng(seed).integers(0, 256, (4, 8, 8), np.uint8)
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number}.png")


def test_the_same_images_go_on_without_a_word(run, config, capsys):
    run_data.check(run, config, None, told=False)
    run_data.keep(run, config, None, 5)
    assert run_data.differences(run, config, None) == ""
    assert not capsys.readouterr().err
    assert len(json.loads((run / run_data.FILE).read_text())["fingerprints"]) == 1


def test_replaced_images_are_reported_and_recorded(run, config, tmp_path, capsys):
    _draw(tmp_path / "a", seed=1)
    run_data.check(run, config, None, told=False)
    assert "contents" in run_data.differences(run, config, None)
    run_data.keep(run, config, None, 5)
    said = capsys.readouterr().err
    assert "not those that the run had before" in said and "step 5" in said
    recorded = json.loads((run / run_data.FILE).read_text())["fingerprints"]
    assert [entry["after_step"] for entry in recorded] == [0, 5]
    # It saw both: neither is unseen.
    assert "since step 0" in run_data.differences(run, config, None)
    run_data.keep(run, config, None, 0)  # from the start
    assert run_data.differences(run, config, None) == ""


def test_moved_images_go_on_and_others_need_a_flag(run, config, tmp_path):
    moved = (tmp_path / "a").rename(tmp_path / "b")
    config.data.name = str(moved)
    assert set(workdirs.check(run, config)) == {"data.name"}
    run_data.check(run, config, None, told=False)
    (moved / "0.png").unlink()
    with pytest.raises(workdirs.WorkdirError, match="--images=PLACE.*Received: .*b'"):
        run_data.check(run, config, None, told=False)
    run_data.check(run, config, None, told=True)
    assert "files 4 -> 3" in run_data.differences(run, config, None)


def test_images_without_a_record_need_the_flag(run, config, tmp_path):
    (run / run_data.FILE).unlink()
    config.data.name = str((tmp_path / "a").rename(tmp_path / "b"))
    with pytest.raises(workdirs.WorkdirError, match="not known to be the same"):
        run_data.check(run, config, None, told=False)


def test_another_data_set_is_another_run(run, config):
    config.data.name = "glyphs"
    with pytest.raises(workdirs.WorkdirError, match=r"data\.name"):
        workdirs.check(run, config)


def test_a_relative_place_of_an_older_run_is_the_same(
    run, config, tmp_path, monkeypatch
):
    saved = json.loads((run / "config.json").read_text())
    saved["data"]["name"] = "a"
    (run / "config.json").write_text(json.dumps(saved))
    monkeypatch.chdir(tmp_path)
    assert workdirs.check(run, config) == {}


@pytest.mark.parametrize("content", ["", "[]", '{"fingerprints": 1}', "[" * 100_000])
def test_a_damaged_record_is_named(run, config, content):
    (run / run_data.FILE).write_text(content)
    with pytest.raises(ValueError, match=r"data\.json"):
        run_data.differences(run, config, None)

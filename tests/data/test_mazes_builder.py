import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds

from kpp_tf import data
from kpp_tf.data.mazes import episode, load
from kpp_tf.data.mazes.mazes_dataset_builder import Builder
from tests.data.tiny_data import data_config
from tests.programs import done, tool

EPISODES = {"train": 2, "validation": 1, "test": 1}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A small prepared data set."""
    data_dir = tmp_path_factory.mktemp("data")
    builder = Builder(data_dir=data_dir, config="32x32", episodes=EPISODES)
    builder.download_and_prepare()
    return data_dir


def _folder(data_dir):
    return data_dir / "mazes" / "32x32" / "1.0.0"


def test_prepared_examples_are_the_episodes_bit_for_bit(written):
    builder = tfds.builder_from_directory(_folder(written))
    assert {k: s.num_examples for k, s in builder.info.splits.items()} == EPISODES
    assert builder.info.metadata == {"seed": 0}
    for split, count in EPISODES.items():
        examples = list(tfds.as_numpy(builder.as_dataset(split=split)))
        assert len(examples) == count
        for index, example in enumerate(examples):
            want = episode.make_episode(episode.maze_seed(0, split, index), 32)
            for name, value in want._asdict().items():
                np.testing.assert_array_equal(example[name], value)


def test_frames_are_decoded_once_but_never_those_of_another_data_set(written, tmp_path):
    load.load("test", str(written), 32)
    before = {p: p.stat().st_mtime_ns for p in _folder(written).rglob("*.npy")}
    first = load.load("test", str(written), 32).images
    assert before == {p: p.stat().st_mtime_ns for p in _folder(written).rglob("*.npy")}
    assert isinstance(first, np.memmap) and not first.flags.writeable

    builder = Builder(data_dir=tmp_path, config="32x32", episodes=EPISODES, seed=1)
    builder.download_and_prepare()
    shutil.copytree(
        _folder(written) / "kpp_tf_cache", _folder(tmp_path) / "kpp_tf_cache"
    )
    other = load.load("test", str(tmp_path), 32).images
    want = episode.make_episode(episode.maze_seed(1, "test", 0), 32)
    np.testing.assert_array_equal(other, want.frames)


def test_mazes_are_a_data_set_of_the_config(written):
    config = data_config("mazes", (32, 32, 3))
    table = data.load_images(config, "train+validation", str(written))
    assert table.images.shape == (900, 32, 32, 3) and table.levels == 256
    np.testing.assert_array_equal(table.labels, np.arange(900) // 300)
    for walk, (split, index) in enumerate(
        [("train", 0), ("train", 1), ("validation", 0)]
    ):
        want = episode.make_episode(episode.maze_seed(0, split, index), 32)
        np.testing.assert_array_equal(table.images[table.labels == walk], want.frames)


def test_unknown_size(tmp_path):
    with pytest.raises(ValueError, match="Received: 48"):
        load.load("train", str(tmp_path), 48)


@pytest.mark.parametrize(
    "episodes", [{"train": 1}, {"train": 1, "validation": 0, "test": 1}]
)
def test_builder_refuses_counts(tmp_path, episodes):
    with pytest.raises(ValueError, match="one episode or more"):
        Builder(data_dir=tmp_path, config="32x32", episodes=episodes)


@pytest.mark.slow
def test_the_command_writes_the_same_data_set_and_overwrites_nothing(written, tmp_path):
    arguments = ("--size=32", "--episodes=2,1,1", f"--data_dir={tmp_path}")
    process = done("make_mazes", *arguments, PYTHONHASHSEED="1")
    assert "4 walks, 1,200 frames" in process.stdout
    # Another process, the same bits.
    builders = [tfds.builder_from_directory(_folder(d)) for d in (written, tmp_path)]
    for split in EPISODES:
        ours, theirs = (tfds.as_numpy(b.as_dataset(split=split)) for b in builders)
        for one, other in zip(ours, theirs, strict=True):
            for name, value in one.items():
                np.testing.assert_array_equal(value, other[name])
    again = tool("make_mazes", *arguments)
    assert again.returncode != 0
    assert str(_folder(tmp_path)) in again.stderr
    assert "not overwritten" in again.stderr

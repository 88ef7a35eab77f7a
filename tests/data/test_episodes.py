import itertools

import numpy as np
import pytest
import tensorflow as tf
from ml_collections import ConfigDict

from kpp_tf import data
from kpp_tf.data import ImageTable, episodes


def _config(**changes):
    config = ConfigDict(
        {
            "episode_length": 4,
            "episodes_per_batch": 6,
            "grouping": "uniform",
            "augment": (),
            "binarize": "none",
        }
    )
    config.update(changes)
    return config


def _table(count=50, levels=256, images=None, labels=None, **groups):
    """Image i is 2 x 3 pixels of value 100 + i."""
    if images is None:
        images = np.arange(100, 100 + count, dtype=np.uint8)[:, None, None, None]
        images = np.broadcast_to(images, (count, 2, 3, 1)).copy()
    return ImageTable(images, labels, levels, "toy", "train", groups)


def _take(dataset, count=None):
    batches = itertools.islice(dataset.as_numpy_iterator(), count)
    return [data.Episodes(*batch) for batch in batches]


def _assert_equal(these, those):
    assert len(these) == len(those)
    for this, that in zip(these, those, strict=True):
        for a, b in zip(this, that, strict=True):
            np.testing.assert_array_equal(a, b)


def _index(batches):
    return np.concatenate([batch.index for batch in batches])


def test_training_batches_hold_the_images_that_index_names():
    table = _table()
    dataset = data.training_episodes(table, _config(), seed=1)
    assert dataset.element_spec.images.shape == (6, 4, 2, 3, 1)
    for batch in _take(dataset, 3):
        assert batch.images.dtype == np.float32
        assert batch.mask.dtype == np.float32
        assert batch.index.dtype == np.int64
        assert batch.seeds.dtype == np.int32
        np.testing.assert_array_equal(
            batch.images, np.float32(table.images[batch.index]) / np.float32(255)
        )
        np.testing.assert_array_equal(batch.mask, np.ones((6, 4)))


def test_every_epoch_has_every_image_once_in_another_order():
    batches = _take(data.training_episodes(_table(), _config(), seed=1), 25)
    epochs = _index(batches).reshape(-1)[: 50 * 12].reshape(12, 50)
    np.testing.assert_array_equal(np.sort(epochs), np.tile(np.arange(50), (12, 1)))
    assert len(np.unique(epochs, axis=0)) == 12


@pytest.mark.parametrize("count", [200, 50_000])
def test_the_order_of_epochs_has_no_structure(count):
    """Which quarter of the split a position shows is uniform over epochs."""
    epochs, positions = 60, np.arange(200)
    order = np.stack(
        [
            episodes._epoch_order(5, 1, tf.constant(epoch * count + positions), count)
            for epoch in range(epochs)
        ]
    )
    quarter = order * 4 // count
    counts = np.stack([(quarter == q).sum(0) for q in range(4)])
    statistic = ((counts - epochs / 4) ** 2 / (epochs / 4)).sum(0)
    # Chi-squared with three degrees of freedom, averaged over 200 positions.
    assert abs(statistic.mean() - 3) < 5 * np.sqrt(6 / len(positions))
    for first, second in itertools.pairwise(order):
        correlation = np.corrcoef(first, second)[0, 1]
        assert abs(correlation) < 5 / np.sqrt(len(positions))


def test_another_seed_gives_other_batches_and_the_same_seed_the_same():
    table, config = _table(), _config(augment=("shift",), binarize="dynamic")
    first = _take(data.training_episodes(table, config, seed=1), 2)
    again = _take(data.training_episodes(table, config, seed=1), 2)
    other = _take(data.training_episodes(table, config, seed=2), 2)
    _assert_equal(first, again)
    assert (first[0].index != other[0].index).any()
    assert (first[0].seeds != other[0].seeds).any()


@pytest.mark.parametrize("grouping", ["uniform", "class", "consecutive"])
def test_resuming_at_a_step_continues_the_same_batches(grouping):
    table = _table(labels=np.arange(50) // 10)
    config = _config(grouping=grouping, augment=("shift", "flip"), binarize="dynamic")
    table = ImageTable(table.images[:, :2, :2], table.labels, 2, "toy", "train")
    through = _take(data.training_episodes(table, config, seed=3), 9)
    resumed = _take(data.training_episodes(table, config, seed=3, first_step=5), 4)
    _assert_equal(resumed, through[5:])


@pytest.mark.parametrize("num_shards", [2, 3])
def test_shards_are_rows_of_the_global_batch(num_shards):
    table = _table(labels=np.arange(50) // 10)
    config = _config(grouping="class", augment=("shift",), binarize="dynamic")
    whole = _take(data.training_episodes(table, config, seed=3, first_step=2), 3)
    parts = [
        _take(
            data.training_episodes(
                table, config, seed=3, first_step=2, shard=k, num_shards=num_shards
            ),
            3,
        )
        for k in range(num_shards)
    ]
    joined = [
        data.Episodes(*(np.concatenate(field) for field in zip(*rows, strict=True)))
        for rows in zip(*parts, strict=True)
    ]
    _assert_equal(joined, whole)


def test_seeds_depend_on_the_number_of_the_episode_alone():
    table = _table(labels=np.arange(50) // 10)
    in_sixes = _take(data.training_episodes(table, _config(), seed=3), 4)
    config = _config(episodes_per_batch=8, episode_length=2, grouping="class")
    in_eights = _take(data.training_episodes(table, config, seed=3), 3)
    seeds = np.concatenate([batch.seeds for batch in in_sixes])
    np.testing.assert_array_equal(
        seeds, np.concatenate([batch.seeds for batch in in_eights])
    )
    evaluation = data.evaluation_episodes(
        table, _config(), episodes_per_batch=2, seed=3
    )
    np.testing.assert_array_equal(
        np.concatenate([batch.seeds for batch in _take(evaluation)]),
        seeds[: len(evaluation) * 2],
    )
    assert len(np.unique(seeds, axis=0)) == len(seeds)


def test_class_episodes_are_of_one_class_without_repeats():
    labels = np.random.default_rng(0).permutation(np.repeat([0, 5, 9], [30, 15, 5]))
    table = _table(labels=labels)
    config = _config(grouping="class", episode_length=5, episodes_per_batch=10)
    index = _index(_take(data.training_episodes(table, config, seed=1), 10))
    classes = labels[index]
    assert (classes == classes[:, :1]).all()
    assert all(len(set(episode)) == 5 for episode in index)
    # 100 episodes are two epochs of 50 class draws: exactly in proportion.
    assert dict(zip(*np.unique(classes[:, 0], return_counts=True), strict=True)) == {
        0: 60,
        5: 30,
        9: 10,
    }
    assert len(np.unique(index)) == 50


def test_a_class_smaller_than_the_episode_is_gone_through_again():
    table = _table(12, labels=np.arange(12) // 3)
    config = _config(grouping="class", episode_length=7)
    index = _index(_take(data.training_episodes(table, config, seed=1), 3))
    for episode in index:
        _, counts = np.unique(episode, return_counts=True)
        assert sorted(counts) == [2, 2, 3]
        assert len(set(episode[:3])) == len(set(episode[3:6])) == 3


def test_groups_of_the_table_group_episodes():
    table = _table(alphabet=np.arange(50) % 2)
    config = _config(grouping="alphabet")
    index = _index(_take(data.training_episodes(table, config, seed=1), 2))
    assert (index % 2 == index[:, :1] % 2).all()


def test_consecutive_episodes_stay_within_a_walk_and_start_anywhere():
    walks = np.repeat([0, 1, 2, 3], [20, 10, 3, 17])  # The third is too short.
    table = _table(labels=walks)
    config = _config(grouping="consecutive")
    index = _index(_take(data.training_episodes(table, config, seed=1), 8))
    np.testing.assert_array_equal(np.diff(index), 1)
    np.testing.assert_array_equal(walks[index], walks[index[:, :1]].repeat(4, 1))
    starts = 17 + 7 + 14
    assert len(np.unique(index[:starts, 0])) == starts


@pytest.mark.parametrize("grouping", ["uniform", "class", "consecutive"])
@pytest.mark.parametrize("num_shards", [1, 2])
def test_evaluation_covers_every_image_once(grouping, num_shards):
    labels = np.repeat(np.arange(5), [9, 10, 11, 7, 13])
    table = _table(labels=labels)
    config = _config(grouping=grouping)
    parts = [
        _take(
            data.evaluation_episodes(
                table,
                config,
                episodes_per_batch=4,
                seed=2,
                shard=k,
                num_shards=num_shards,
            )
        )
        for k in range(num_shards)
    ]
    assert len({len(part) for part in parts}) == 1  # Shards stay in step.
    batches = [batch for part in parts for batch in part]
    index = _index(batches)
    mask = np.concatenate([batch.mask for batch in batches])
    images = np.concatenate([batch.images for batch in batches])
    np.testing.assert_array_equal(mask == 1, index >= 0)
    np.testing.assert_array_equal(np.sort(index[index >= 0]), np.arange(50))
    np.testing.assert_array_equal(images[mask == 0], 0)
    np.testing.assert_allclose(
        images[mask == 1][:, 0, 0, 0], (100 + index[mask == 1]) / 255, rtol=1e-6
    )
    for episode in index[(index >= 0).any(1)]:
        real = episode[episode >= 0]
        assert (episode[: len(real)] >= 0).all()  # Padding comes last.
        if grouping != "uniform":
            assert len(set(labels[real])) == 1
        if grouping == "consecutive":
            np.testing.assert_array_equal(np.diff(real), 1)


def test_evaluation_partition_depends_on_the_seed_only():
    table = _table()
    one = data.partition(table, _config(), seed=1)
    np.testing.assert_array_equal(one, data.partition(table, _config(), seed=1))
    assert (one != data.partition(table, _config(), seed=2)).any()
    # The first words of Philox 4x64 keyed (1, 0) fix the order on every machine.
    assert one[0].tolist() == [3, 5, 24, 27]
    batches = data.evaluation_episodes(table, _config(), episodes_per_batch=5, seed=1)
    np.testing.assert_array_equal(_index(_take(batches))[: len(one)], one)


def test_evaluation_is_not_augmented():
    table = _table()
    plain = data.evaluation_episodes(table, _config(), episodes_per_batch=5, seed=1)
    config = _config(augment=("shift",))
    config = data.evaluation_episodes(table, config, episodes_per_batch=5, seed=1)
    _assert_equal(_take(plain), _take(config))


def test_dynamic_binarization_draws_each_pixel_with_its_grey_value():
    values = np.array([0, 1, 64, 128, 254, 255], np.uint8)
    images = np.broadcast_to(values[:, None, None, None], (6, 30, 30, 1)).copy()
    table = _table(images=images, levels=2)
    config = _config(binarize="dynamic")
    batches = _take(data.training_episodes(table, config, seed=1), 10)
    drawn = np.concatenate([batch.images for batch in batches]).reshape(-1, 900)
    value = values[_index(batches).reshape(-1)]
    assert set(np.unique(drawn)) == {0.0, 1.0}
    for v in values:
        pixels = drawn[value == v]
        p = v / 255
        assert abs(pixels.mean() - p) <= 4.5 * np.sqrt(p * (1 - p) / pixels.size)
    grey = drawn[value == 128]
    assert len(np.unique(grey, axis=0)) == len(grey)  # Fresh every time.


def test_augmented_binary_images_stay_binary():
    rng = np.random.default_rng(0)
    images = 255 * (rng.random((40, 8, 8, 1)) < 0.3).astype(np.uint8)
    table = _table(images=images, levels=2)
    config = _config(augment=("shift", "flip", "noise"))
    (batch,) = _take(data.training_episodes(table, config, seed=1), 1)
    assert set(np.unique(batch.images)) == {0.0, 1.0}
    assert (batch.images != images[batch.index] / 255).any()


def test_images_on_disk_give_the_same_episodes(tmp_path):
    table = _table(labels=np.arange(50) // 10)
    np.save(tmp_path / "images.npy", table.images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    on_disk = _table(images=mapped, labels=table.labels)
    config = _config(grouping="class", augment=("shift",))
    _assert_equal(
        _take(data.training_episodes(table, config, seed=1), 4),
        _take(data.training_episodes(on_disk, config, seed=1), 4),
    )


@pytest.mark.parametrize(
    ("changes", "shards", "message"),
    [
        ({}, {"num_shards": 4}, "6 episodes cannot be shared equally by 4"),
        ({}, {"shard": 2, "num_shards": 2}, "Received: .* shard=2, num_shards=2"),
        ({"episodes_per_batch": 0}, {}, "Received: episodes_per_batch=0"),
        ({"episode_length": 0}, {}, "Received: config.data.episode_length=0"),
        ({"grouping": "walk"}, {}, "grouping='walk'"),
        ({"grouping": "consecutive", "episode_length": 11}, {}, "11 images in a row"),
        ({"grouping": "consecutive", "episode_length": 99}, {}, "99 images in a row"),
    ],
)
def test_refuses_what_cannot_be_done(changes, shards, message):
    table = _table(labels=np.arange(50) // 10)
    with pytest.raises(ValueError, match=message):
        data.training_episodes(table, _config(**changes), seed=1, **shards)

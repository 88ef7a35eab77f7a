import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf import data
from kpp_tf.data import shuffling
from kpp_tf.errors import UserError
from tests.data.tiny_data import evaluate, indices, toy_config, toy_table, train


@pytest.mark.parametrize("count", [200, 50_000])
def test_the_order_of_epochs_has_no_structure(count):
    """Which quarter of the split a position shows is uniform over epochs."""
    epochs, positions = 60, np.arange(200)
    order = np.stack(
        [
            shuffling.epoch_order(5, tf.constant(epoch * count + positions), count)
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


def test_class_episodes_are_of_one_class_without_repeats():
    labels = np.random.default_rng(0).permutation(np.repeat([0, 5, 9], [30, 15, 5]))
    table = toy_table(labels=labels)
    config = toy_config(grouping="class", episode_length=5, episodes_per_batch=10)
    index = indices(train(table, config, 10))
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


def test_groups_of_the_table_group_episodes():
    table = toy_table(alphabet=np.arange(50) % 2)
    config = toy_config(grouping="alphabet")
    index = indices(train(table, config, 2))
    assert (index % 2 == index[:, :1] % 2).all()


def test_consecutive_episodes_stay_within_a_walk_and_start_anywhere():
    walks = np.repeat([0, 1, 2, 3], [20, 10, 3, 17])  # The third is too short.
    table = toy_table(labels=walks)
    config = toy_config(grouping="consecutive")
    index = indices(train(table, config, 8))
    np.testing.assert_array_equal(np.diff(index), 1)
    np.testing.assert_array_equal(walks[index], walks[index[:, :1]].repeat(4, 1))
    starts = 17 + 7 + 14
    assert len(np.unique(index[:starts, 0])) == starts


def test_evaluation_partition_depends_on_the_seed_only():
    table = toy_table()
    one = data.partition(table, toy_config(), seed=1)
    np.testing.assert_array_equal(one, data.partition(table, toy_config(), seed=1))
    assert (one != data.partition(table, toy_config(), seed=2)).any()
    # The first words of Philox 4x64 keyed (1, 0) fix the order on every machine.
    assert one[0].tolist() == [3, 5, 24, 27]
    batches = evaluate(table, toy_config(), 5)
    np.testing.assert_array_equal(indices(batches)[: len(one)], one)


LETTERS = np.repeat([0, 1, 2], [20, 5, 13])


def test_with_replacement_images_of_a_class_come_up_independently():
    """As Generative Matching Networks draw: image n is a copy of one before it with
    probability 1 - (1 - 1/N)^n."""
    table = toy_table(20, labels=np.zeros(20, np.int64))
    config = toy_config(grouping="class", episode_length=10, replacement=True)
    drawn = indices(train(table, config, 100))
    tested = np.concatenate([data.partition(table, config, s) for s in range(300)])
    for rows in (drawn, tested):
        assert len(rows) == 600
        for n in (1, 4, 9):
            copies = (rows[:, n, None] == rows[:, :n]).any(1).mean()
            p = 1 - (19 / 20) ** n
            assert abs(copies - p) < 4.5 * np.sqrt(p * (1 - p) / 600)
        counts = np.bincount(rows.ravel(), minlength=20)
        # Chi-squared with 19 degrees of freedom.
        assert ((counts - 300) ** 2 / 300).sum() < 19 + 5 * np.sqrt(38)


def test_a_pass_with_replacement_has_as_many_episodes_of_each_class():
    table = toy_table(38, labels=LETTERS)
    config = toy_config(grouping="class", episode_length=4)
    for replacement in (False, True):
        config.replacement = replacement
        episodes = data.partition(table, config, seed=3)
        assert np.bincount(LETTERS[episodes[:, 0]]).tolist() == [5, 2, 4]
        classes = LETTERS[episodes]
        assert (classes == classes[:, :1])[episodes >= 0].all()
    assert (episodes >= 0).all()
    np.testing.assert_array_equal(episodes, data.partition(table, config, seed=3))
    assert (episodes != data.partition(table, config, seed=4)).any()


@pytest.mark.parametrize("names", [{}, {"class": ["alpha", "beta", "gamma"]}])
def test_a_class_that_is_too_small_is_named(names):
    table = toy_table(38, labels=LETTERS)
    table = dataclasses.replace(table, names=names)
    config = toy_config(grouping="class", episode_length=6)
    who = "'beta'" if names else "1"
    for make in (data.partition, data.training_episodes):
        message = f"The class {who} .* has 5 images, .* episode of 6.*replacement=True"
        with pytest.raises(UserError, match=message):
            make(table, config, seed=1)


def test_one_class_says_so(caplog):
    table = toy_table(labels=np.zeros(50, np.int64))
    data.training_episodes(table, toy_config(grouping="class"), seed=1)
    assert "All images of 'toy' have the same class" in caplog.text


def test_a_split_shorter_than_an_episode_is_evaluated_with_a_word(caplog):
    (batch,) = evaluate(toy_table(3), toy_config(), 2)
    np.testing.assert_array_equal(batch.mask, [[1, 1, 1, 0], [0, 0, 0, 0]])
    assert "has 3 images, fewer than the 4 of an episode" in caplog.text


@pytest.mark.parametrize(
    ("changes", "shards", "message"),
    [
        ({}, {"num_shards": 4}, "6 episodes cannot be divided equally among 4"),
        ({}, {"shard": 2, "num_shards": 2}, "Received: .* shard=2, num_shards=2"),
        ({"episodes_per_batch": 0}, {}, "Received: episodes_per_batch=0"),
        ({"episode_length": 0}, {}, "Received: config.data.episode_length=0"),
        ({"episode_length": 51}, {}, "has 50 images, too few for one episode"),
        ({"replacement": True}, {}, "grouping='uniform'"),
        ({"grouping": "walk"}, {}, "grouping='walk'"),
        ({"grouping": "consecutive", "episode_length": 11}, {}, "11 images in a row"),
        ({"grouping": "consecutive", "episode_length": 99}, {}, "99 images in a row"),
    ],
)
def test_refuses_what_cannot_be_done(changes, shards, message):
    table = toy_table(labels=np.arange(50) // 10)
    with pytest.raises(UserError, match=message):
        data.training_episodes(table, toy_config(**changes), seed=1, **shards)

import numpy as np
import pytest

from kpp_tf import data
from kpp_tf.data import ImageTable
from kpp_tf.errors import UserError
from tests.data.tiny_data import evaluate, indices, toy_config, toy_table, train


def _assert_equal(these, those):
    for this, that in zip(these, those, strict=True):
        for a, b in zip(this, that, strict=True):
            np.testing.assert_array_equal(a, b)


def test_training_batches_hold_the_images_that_index_names():
    table = toy_table()
    dataset = data.training_episodes(table, toy_config(), seed=1)
    assert dataset.element_spec.images.shape == (6, 4, 2, 3, 1)
    for batch in train(table, toy_config(), 3):
        assert batch.images.dtype == np.float32
        assert batch.mask.dtype == np.float32
        assert batch.index.dtype == np.int64
        assert batch.seeds.dtype == np.int32
        np.testing.assert_array_equal(
            batch.images, np.float32(table.images[batch.index]) / np.float32(255)
        )
        np.testing.assert_array_equal(batch.mask, np.ones((6, 4)))


def test_every_epoch_has_every_image_once_in_another_order():
    batches = train(toy_table(), toy_config(), 25)
    epochs = indices(batches).reshape(-1)[: 50 * 12].reshape(12, 50)
    np.testing.assert_array_equal(np.sort(epochs), np.tile(np.arange(50), (12, 1)))
    assert len(np.unique(epochs, axis=0)) == 12


def test_another_seed_gives_other_batches_and_the_same_seed_the_same():
    table, config = toy_table(), toy_config(augment=("shift",), binarize="dynamic")
    first = train(table, config, 2)
    again = train(table, config, 2)
    other = train(table, config, 2, seed=2)
    _assert_equal(first, again)
    assert (first[0].index != other[0].index).any()
    assert (first[0].seeds != other[0].seeds).any()


@pytest.mark.parametrize("grouping", ["uniform", "class", "consecutive"])
def test_resuming_at_a_step_continues_the_same_batches(grouping):
    table = toy_table(labels=np.arange(50) // 10)
    config = toy_config(
        grouping=grouping, augment=("shift", "flip"), binarize="dynamic"
    )
    table = ImageTable(table.images[:, :2, :2], table.labels, 2, "toy", "train")
    through = train(table, config, 9, seed=3)
    resumed = train(table, config, 4, seed=3, first_step=5)
    _assert_equal(resumed, through[5:])


@pytest.mark.parametrize("num_shards", [2, 3])
def test_shards_are_rows_of_the_global_batch(num_shards):
    table = toy_table(labels=np.arange(50) // 10)
    config = toy_config(grouping="class", augment=("shift",), binarize="dynamic")
    whole = train(table, config, 3, seed=3, first_step=2)
    parts = [
        train(table, config, 3, seed=3, first_step=2, shard=k, num_shards=num_shards)
        for k in range(num_shards)
    ]
    joined = [
        data.Episodes(*(np.concatenate(field) for field in zip(*rows, strict=True)))
        for rows in zip(*parts, strict=True)
    ]
    _assert_equal(joined, whole)


def test_seeds_depend_on_the_number_of_the_episode_alone():
    table = toy_table(labels=np.arange(50) // 10)
    in_sixes = train(table, toy_config(), 4, seed=3)
    config = toy_config(episodes_per_batch=8, episode_length=2, grouping="class")
    in_eights = train(table, config, 3, seed=3)
    seeds = np.concatenate([batch.seeds for batch in in_sixes])
    np.testing.assert_array_equal(
        seeds, np.concatenate([batch.seeds for batch in in_eights])
    )
    evaluation = evaluate(table, toy_config(), 2, seed=3)
    np.testing.assert_array_equal(
        np.concatenate([batch.seeds for batch in evaluation]),
        seeds[: len(evaluation) * 2],
    )
    assert len(np.unique(seeds, axis=0)) == len(seeds)


@pytest.mark.parametrize("grouping", ["uniform", "class", "consecutive"])
def test_evaluation_covers_every_image_once(grouping):
    labels = np.repeat(np.arange(5), [9, 10, 11, 7, 13])
    table = toy_table(labels=labels)
    config = toy_config(grouping=grouping)
    batches = evaluate(table, config, 4, seed=2)
    index = indices(batches)
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


def test_evaluation_is_not_augmented():
    table = toy_table()
    plain = evaluate(table, toy_config(), 5)
    _assert_equal(plain, evaluate(table, toy_config(augment=("shift",)), 5))


def test_dynamic_binarization_draws_each_pixel_with_its_grey_value():
    values = np.array([0, 1, 64, 128, 254, 255], np.uint8)
    images = np.broadcast_to(values[:, None, None, None], (6, 30, 30, 1)).copy()
    table = toy_table(images=images, levels=2)
    config = toy_config(binarize="dynamic")
    batches = train(table, config, 10)
    drawn = np.concatenate([batch.images for batch in batches]).reshape(-1, 900)
    value = values[indices(batches).reshape(-1)]
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
    table = toy_table(images=images, levels=2)
    config = toy_config(augment=("shift", "flip"))
    (batch,) = train(table, config, 1)
    assert set(np.unique(batch.images)) == {0.0, 1.0}
    assert (batch.images != images[batch.index] / 255).any()


def test_images_on_disk_give_the_same_episodes(tmp_path):
    table = toy_table(labels=np.arange(50) // 10)
    np.save(tmp_path / "images.npy", table.images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    on_disk = toy_table(images=mapped, labels=table.labels)
    config = toy_config(grouping="class", augment=("shift",))
    _assert_equal(train(table, config, 4), train(on_disk, config, 4))


MIXED = {
    "episode_length": 8,
    "episodes_per_batch": 6,
    "episode_lengths": (4, 8, 16, 16),
}


def test_steps_of_mixed_lengths_have_equally_many_images_and_the_law_of_the_list():
    batches = train(toy_table(), toy_config(**MIXED), 300)
    lengths = np.array([batch.index.shape[1] for batch in batches])
    for batch, length in zip(batches, lengths, strict=True):
        assert batch.images.shape == (48 // length, length, 2, 3, 1)
        np.testing.assert_array_equal(batch.mask, np.ones((48 // length, length)))
    # 16 stands twice in the list. Chi-squared with two degrees of freedom.
    counts = np.array([(lengths == length).sum() for length in (4, 8, 16)])
    expected = 300 * np.array([0.25, 0.25, 0.5])
    assert ((counts - expected) ** 2 / expected).sum() < 2 + 5 * np.sqrt(4)
    # No sign that one step's length depends on the last one's.
    assert abs(np.corrcoef(lengths[:-1], lengths[1:])[0, 1]) < 4 / np.sqrt(299)
    seeds = np.concatenate([batch.seeds for batch in batches])
    assert len(np.unique(seeds, axis=0)) == len(seeds)


def test_mixed_lengths_show_every_image_once_an_epoch():
    batches = train(toy_table(), toy_config(**MIXED), 25)
    shown = np.concatenate([batch.index.reshape(-1) for batch in batches])
    epochs = shown.reshape(-1, 50)
    np.testing.assert_array_equal(np.sort(epochs), np.tile(np.arange(50), (24, 1)))
    # As with one length: what is cut into episodes is the same order of images.
    plain = train(toy_table(), toy_config(episode_length=8), 25)
    np.testing.assert_array_equal(shown, indices(plain).reshape(-1))


@pytest.mark.parametrize("grouping", ["uniform", "class", "consecutive"])
def test_mixed_lengths_are_resumed_and_sharded(grouping):
    labels = np.arange(50) // 25
    table = toy_table(labels=labels)
    config = toy_config(grouping=grouping, augment=("shift",), **MIXED)
    through = train(table, config, 9, seed=3)
    _assert_equal(train(table, config, 4, seed=3, first_step=5), through[5:])
    shards = [train(table, config, 9, seed=3, shard=k, num_shards=3) for k in range(3)]
    for whole, *parts in zip(through, *shards, strict=True):
        for field, of_shards in zip(whole, zip(*parts, strict=True), strict=True):
            np.testing.assert_array_equal(np.concatenate(of_shards), field)
    for batch in through:
        if grouping != "uniform":
            assert (labels[batch.index] == labels[batch.index[:, :1]]).all()
        if grouping == "consecutive":
            np.testing.assert_array_equal(np.diff(batch.index), 1)


def test_evaluation_has_the_one_length():
    config = toy_config(**MIXED)
    batches = evaluate(toy_table(), config, 3)
    assert {batch.images.shape[:2] for batch in batches} == {(3, 8)}


@pytest.mark.parametrize("lengths", [(5,), (8, 0), (-8,), (96,), (8.0,)])
def test_lengths_that_do_not_divide_a_step_are_refused(lengths):
    config = toy_config(**{**MIXED, "episode_lengths": lengths})
    with pytest.raises(UserError, match="48. Received"):
        train(toy_table(), config, 1)

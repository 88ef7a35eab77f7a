import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.data import augmentation
from kpp_tf.errors import UserError
from tests.data.tiny_data import toy_table

TABLE = toy_table(images=np.zeros((1, 28, 28, 1), np.uint8), levels=2)


@pytest.fixture(scope="module")
def frames():
    """Random binary images [64, 12, 12, 1] with a blank border of two pixels."""
    rng = np.random.default_rng(0)
    inner = 255 * (rng.random((64, 8, 8, 1)) < 0.4).astype(np.uint8)
    return np.pad(inner, ((0, 0), (2, 2), (2, 2), (0, 0)))


SEED = tf.constant([3, 4], tf.int64)


def _shifts(image):
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            yield (dy, dx), np.roll(image, (dy, dx), (0, 1))


@pytest.mark.parametrize(("name", "reach"), [("nudge", 1), ("shift", 2)])
def test_shift_is_a_translation_within_its_reach_and_finds_them_all(
    frames, name, reach
):
    moved = getattr(augmentation, name)(tf.constant(frames), SEED).numpy()
    seen = set()
    for before, after in zip(frames, moved, strict=True):
        # The border is blank, so that rolling is translating.
        matches = [d for d, rolled in _shifts(before) if np.array_equal(rolled, after)]
        assert len(matches) == 1
        seen.update(matches)
    assert max(abs(pixels) for d in seen for pixels in d) == reach
    assert len(seen) > 0.8 * (2 * reach + 1) ** 2  # In 64 draws.
    np.testing.assert_array_equal(moved.sum((1, 2, 3)), frames.sum((1, 2, 3)))


def test_shift_brings_in_zeros_and_never_wraps():
    full = tf.fill([64, 6, 6, 1], tf.constant(255, tf.uint8))
    moved = augmentation.shift(full, SEED).numpy()[..., 0] > 0
    rows, columns = moved.any(2).sum(1), moved.any(1).sum(1)
    np.testing.assert_array_equal(moved.sum((1, 2)), rows * columns)
    assert set(rows) == {4, 5, 6}


def test_flip_is_one_of_the_eight_symmetries_and_finds_them_all(frames):
    flipped = augmentation.flip(tf.constant(frames), SEED).numpy()
    seen = set()
    for before, after in zip(frames, flipped, strict=True):
        symmetries = [np.rot90(before, k) for k in range(4)]
        symmetries += [np.rot90(before[::-1], k) for k in range(4)]
        matches = [n for n, s in enumerate(symmetries) if np.array_equal(s, after)]
        assert matches
        seen.update(matches)
    assert seen == set(range(8))


def test_class_flip_is_one_symmetry_for_the_episode(frames):
    seen = set()
    for number in range(40):
        seed = tf.constant([number, 4], tf.int64)
        flipped = augmentation.class_flip(tf.constant(frames), seed).numpy()
        symmetries = [
            np.rot90(f, k, (1, 2)) for f in (frames, frames[:, ::-1]) for k in range(4)
        ]
        (match,) = [n for n, s in enumerate(symmetries) if np.array_equal(s, flipped)]
        seen.add(match)
    assert seen == set(range(8))


def test_names_are_applied_in_order_with_streams_of_their_own(frames):
    both = augmentation.parse(("shift", "flip"), TABLE)
    images = tf.constant(frames)
    result = both(images, SEED).numpy()
    np.testing.assert_array_equal(result, both(images, SEED))
    assert (result != both(images, tf.constant([3, 5], tf.int64)).numpy()).any()
    np.testing.assert_array_equal(result.sum((1, 2, 3)), frames.sum((1, 2, 3)))
    seeds = tf.random.split(SEED, 2, alg="philox")
    shifted = augmentation.shift(images, seeds[0])
    np.testing.assert_array_equal(result, augmentation.flip(shifted, seeds[1]))


def test_a_name_given_twice_draws_twice(frames):
    twice = augmentation.parse(("nudge", "nudge"), TABLE)(frames, SEED).numpy()
    # One draw moves by a pixel at most; two may move by two.
    once = [np.roll(frames, (dy, dx), (1, 2)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    near = np.any([(moved == twice).all((1, 2, 3)) for moved in once], axis=0)
    assert 0.1 < (~near).mean() < 0.9


@pytest.mark.parametrize("none", [(), []])
def test_no_name_is_no_augmentation(none):
    assert augmentation.parse(none, TABLE) is None


@pytest.mark.parametrize(
    ("augment", "table", "message"),
    [
        (("rotate",), TABLE, r"Received: \('rotate',\)"),
        (("flip",), toy_table(levels=2), "Received: images of 2 x 3"),
        (("class_flip",), toy_table(levels=2), "Received: images of 2 x 3"),
    ],
)
def test_refuses_what_does_not_suit_the_images(augment, table, message):
    with pytest.raises(UserError, match=message):
        augmentation.parse(augment, table)

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from kpp_tf.data import augmentation
from tests.data.tiny_data import random_images, toy_table

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


def _affine_maps(seed, count):
    """The matrices [count, 2, 2] from output to input (row, column), in float64."""
    u = tf.random.stateless_uniform([4, count], seed, -1.0, 1.0, alg="philox").numpy()
    turn, slant, wide, high = (u * [[np.radians(10)], [0.1], [0.1], [0.1]]).astype(
        float
    )
    one, zero = np.ones(count), np.zeros(count)
    parts = (
        [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]],
        [[one, zero], [slant, one]],
        [[1 + high, zero], [zero, 1 + wide]],
    )
    turns, slants, stretches = (np.moveaxis(np.array(m), -1, 0) for m in parts)
    return turns @ slants @ stretches


@pytest.mark.parametrize("binary", [True, False])
def test_affine_is_scipys_about_the_middle(binary):
    images = random_images(30, 12, 15, 1)
    images = images if not binary else (images > 128) * np.uint8(255)
    moved = augmentation.affine(tf.constant(images), SEED).numpy()
    middle = np.array([5.5, 7.0])
    for image, after, matrix in zip(images, moved, _affine_maps(SEED, 30), strict=True):
        expected = ndimage.affine_transform(
            image[..., 0].astype(float),
            matrix,
            middle - matrix @ middle,
            order=1,
            mode="grid-constant",
        )
        if not binary:
            np.testing.assert_allclose(after[..., 0], expected, atol=0.51)
            continue
        clear = np.abs(expected - 127.5) > 0.01
        assert clear.mean() > 0.99 and set(np.unique(after)) == {0, 255}
        np.testing.assert_array_equal(
            (after[..., 0] > 0)[clear], (expected > 127.5)[clear]
        )


def test_noise_inverts_a_share_of_pixels_that_varies_up_to_two_percent():
    blank = tf.zeros([500, 28, 28, 1], tf.uint8)
    noisy = augmentation.noise(blank, SEED).numpy()
    assert set(np.unique(noisy)) == {0, 255}
    share = (noisy > 0).mean((1, 2, 3))
    # A rate from U(0, 0.02): mean 0.01; variance of the rate 0.02^2 / 12, and of the
    # share given the rate 0.01 / 784.
    deviation = np.sqrt(0.02**2 / 12 + 0.01 / 784)
    assert abs(share.mean() - 0.01) < 4 * deviation / np.sqrt(500)
    assert abs(share.std() / deviation - 1) < 0.2
    ink = tf.fill([500, 28, 28, 1], tf.constant(255, tf.uint8))
    np.testing.assert_array_equal(augmentation.noise(ink, SEED).numpy(), 255 - noisy)


def test_names_are_applied_in_order_with_streams_of_their_own(frames):
    both = augmentation.parse("shift+flip", TABLE)
    tuple_of_both = augmentation.parse(("shift", "flip"), TABLE)
    images = tf.constant(frames)
    result = both(images, SEED)
    np.testing.assert_array_equal(result, tuple_of_both(images, SEED))
    np.testing.assert_array_equal(result, both(images, SEED))
    other = both(images, tf.constant([3, 5], tf.int64)).numpy()
    assert (result.numpy() != other).any()
    np.testing.assert_array_equal(result.numpy().sum((1, 2, 3)), frames.sum((1, 2, 3)))


def test_a_name_given_twice_draws_twice():
    twice = augmentation.parse(("noise", "noise"), TABLE)
    # With one stream for both, the second would undo the first.
    assert twice(tf.zeros([8, 28, 28, 1], tf.uint8), SEED).numpy().any()


@pytest.mark.parametrize("none", ["none", (), []])
def test_none_is_none(none):
    assert augmentation.parse(none, TABLE) is None


@pytest.mark.parametrize(
    ("augment", "table", "message"),
    [
        ("rotate", TABLE, "Received: 'rotate'"),
        ("shift,flip", TABLE, "joined by '\\+'. Received: 'shift,flip'"),
        ("flip", toy_table(levels=2), "Received: images of 2 x 3"),
        ("class_flip", toy_table(levels=2), "Received: images of 2 x 3"),
        ("noise", toy_table(), "Received: 256 levels"),
    ],
)
def test_refuses_what_does_not_suit_the_images(augment, table, message):
    with pytest.raises(ValueError, match=message):
        augmentation.parse(augment, table)

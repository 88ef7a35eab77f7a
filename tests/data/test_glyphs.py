import hashlib

import numpy as np
import pytest
from scipy import ndimage
from scipy.interpolate import BSpline

from kpp_tf.data import glyphs
from kpp_tf.errors import UserError


@pytest.fixture(scope="module")
def test_split():
    return glyphs.load("test")


def test_pixels_are_the_same_on_every_machine(test_split):
    digest = hashlib.sha256(test_split.images.tobytes()).hexdigest()
    assert digest == "b17b04f51237d01173af2bdbccfad7e6144f8622ab7e0f14481bcc83a0fff72f"


def test_a_character_is_drawn_the_same_alone_and_in_company():
    together = glyphs.draw(np.array([7, 1300, 2]))
    np.testing.assert_array_equal(
        glyphs.draw(np.array([1300])), together[glyphs.DRAWERS : 2 * glyphs.DRAWERS]
    )


def test_splits_have_the_promised_sizes_and_share_no_character(test_split):
    validation = glyphs.load("validation")
    both = glyphs.load("validation+test")
    assert len(test_split) == 300 * 20
    assert len(validation) == 100 * 20
    assert not set(validation.labels) & set(test_split.labels)
    ranges = [set(range(a, a + n)) for a, n in glyphs.CHARACTERS.values()]
    assert sum(map(len, ranges)) == len(set.union(*ranges))
    np.testing.assert_array_equal(
        both.images, np.concatenate([validation.images, test_split.images])
    )


def test_images_are_binary_and_look_like_strokes(test_split):
    images = test_split.images
    assert images.shape[1:] == (28, 28, 1)
    assert set(np.unique(images)) == {0, 255}
    ink = (images > 0).mean(axis=(1, 2, 3))
    # Omniglot at this size has about a tenth of its pixels inked.
    assert 0.07 < ink.mean() < 0.12
    assert ink.min() > 0.01
    assert ink.max() < 0.35
    pieces = [ndimage.label(i[..., 0], np.ones((3, 3)))[1] for i in images[::20]]
    assert max(pieces) <= 3  # No stroke falls apart: at most three strokes.


def test_renderings_of_a_character_are_alike_but_not_the_same(test_split):
    images = test_split.images.reshape(300, 20, -1) > 0
    blurred = ndimage.gaussian_filter(
        images.reshape(300, 20, 28, 28).astype(float), (0, 0, 1.5, 1.5)
    ).reshape(300, 20, -1)
    same = ((blurred[:, 0] - blurred[:, 1]) ** 2).sum(-1).mean()
    other = ((blurred[:-1, 0] - blurred[1:, 1]) ** 2).sum(-1).mean()
    assert same < 0.6 * other
    assert (images[:, 0] != images[:, 1]).any(-1).all()


def test_the_curve_is_a_cubic_b_spline():
    rng = np.random.default_rng(0)
    controls = rng.normal(size=(6, 2))
    ours = glyphs._b_spline(controls)
    padded = np.concatenate([controls[:1]] * 2 + [controls] + [controls[-1:]] * 2)
    knots = np.arange(len(padded) + 4) - 3.0
    theirs = BSpline(knots, padded, 3)(np.linspace(0, len(padded) - 3, len(ours)))
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
    np.testing.assert_allclose(ours[[0, -1]], controls[[0, -1]], atol=1e-12)


def test_the_pen_inks_the_pixels_within_its_radius():
    rng = np.random.default_rng(1)
    points = rng.uniform(2, 26, size=(5, 7, 2))
    visible = rng.random((5, 7)) < 0.7
    radius = rng.uniform(0.8, 1.2, size=5)
    images = glyphs._pen(points, visible, radius)
    centres = np.arange(28) + 0.5
    x, y = np.meshgrid(centres, centres)
    pixels = np.stack([x, y], -1)
    distance = np.linalg.norm(pixels[None, None] - points[:, :, None, None], axis=-1)
    distance[~visible] = np.inf
    nearest = distance.min(axis=1)
    clear = np.abs(nearest - radius[:, None, None]) > 0.01  # Beyond the rounding.
    expected = nearest <= radius[:, None, None]
    np.testing.assert_array_equal((images[..., 0] > 0)[clear], expected[clear])


def test_unknown_split_is_named():
    with pytest.raises(UserError, match="Received: 'tets'"):
        glyphs.load("tets")

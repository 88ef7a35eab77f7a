import hashlib

import numpy as np
import pytest
from scipy import ndimage

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


def test_unknown_split_is_named():
    with pytest.raises(UserError, match="Received: 'tets'"):
        glyphs.load("tets")

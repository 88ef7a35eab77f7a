"""The episode encoder: its shapes, its depth and which frames see which."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.layers import TSMResNet
from tests.layer_checks import check_layer, perturb

SMALL = {"widths": (8, 8), "blocks": (1, 1), "stem_stride": 2, "embedding_size": 6}
SHAPE = (2, 5, 8, 8, 1)


@pytest.fixture(scope="module")
def episode():
    return np.random.default_rng(0).random(SHAPE).astype(np.float32)


@pytest.mark.parametrize(
    ("side", "sides"), [(28, [7, 4, 2]), (64, [16, 8, 4]), (32, [8, 4, 2])]
)
def test_stages_halve_the_resolution(side, sides):
    encoder = TSMResNet((4, 4, 4), (1, 1, 1), stem_stride=4, embedding_size=3)
    encoder.build((1, 1, side, side, 1))
    features = tf.TensorShape([1, 1, sides[0], sides[0], 4])
    for stage, expected in zip(encoder.stages, sides, strict=True):
        features = stage(tf.zeros(features)).shape
        assert features[2] == features[3] == expected
    assert encoder(tf.zeros([1, 1, side, side, 1])).shape == (1, 1, 3)


def test_default_depth_is_that_of_resnet18():
    encoder = TSMResNet()
    # 17 convolutions on the main path and one dense layer.
    assert 1 + 2 * len(encoder.stages) + 1 == 18
    assert [s.width for s in encoder.stages] == [64] * 2 + [128] * 2 + [256] * 2 + [
        512
    ] * 2


@pytest.mark.parametrize(
    ("shift", "before", "after"),
    [("bidirectional", 2, 2), ("causal", 2, 0), ("none", 0, 0)],
)
def test_each_block_looks_one_frame_further(episode, shift, before, after):
    encoder = TSMResNet(**SMALL, shift=shift)
    encoder(episode)
    perturb(encoder)
    frames = tf.constant(episode)
    for target in range(SHAPE[1]):
        with tf.GradientTape() as tape:
            tape.watch(frames)
            embedding = encoder(frames)[:, target]
        gradient = tape.gradient(embedding, frames)
        seen = np.any(gradient != 0, axis=(0, 2, 3, 4))
        distance = np.arange(SHAPE[1]) - target
        expected = (-before <= distance) & (distance <= after)
        np.testing.assert_array_equal(seen, expected)


@pytest.mark.parametrize(
    ("shift", "linear"), [("bidirectional", True), ("none", False)]
)
def test_fulfils_the_layer_contract(episode, shift, linear, tmp_path):
    check_layer(
        lambda: TSMResNet(**SMALL, shift=shift, linear=linear),
        (episode,),
        ((*SHAPE[:2], 6),),
        tmp_path,
    )


@pytest.mark.parametrize("side", [1, 2])
def test_a_linear_way_adds_each_cells_own_pixels(episode, side):
    """Against numpy in float64; SMALL's last features are 2 x 2."""
    encoder = TSMResNet(**SMALL, embedding_side=side, linear=True)
    encoder(episode)
    perturb(encoder)
    kernel = encoder.linear.kernel.numpy().astype(np.float64)
    with_it = encoder(episode).numpy()
    encoder.linear.kernel.assign(tf.zeros_like(encoder.linear.kernel))
    added = with_it - encoder(episode).numpy()
    pixels = 2 * episode.astype(np.float64) - 1
    part = SHAPE[2] // side
    for row in range(side):
        for column in range(side):
            rows = slice(part * row, part * (row + 1))
            columns = slice(part * column, part * (column + 1))
            own = pixels[:, :, rows, columns].reshape(*SHAPE[:2], -1)
            found = added if side == 1 else added[:, :, row, column]
            np.testing.assert_allclose(found, own @ kernel, rtol=1e-4, atol=1e-4)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match=r"Received: widths=\(8, 8\), blocks=\(1,\)"):
        TSMResNet((8, 8), (1,))
    encoder = TSMResNet((8,), (1,), stem_stride=5, embedding_side=2, linear=True)
    with pytest.raises(ValueError, match="Received: 9 x 9 and side=2"):
        encoder.build((1, 1, 9, 9, 1))

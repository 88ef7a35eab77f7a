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


@pytest.mark.parametrize("shift", ["bidirectional", "none"])
def test_fulfils_the_layer_contract(episode, shift, tmp_path):
    check_layer(
        lambda: TSMResNet(**SMALL, shift=shift),
        (episode,),
        ((*SHAPE[:2], 6),),
        tmp_path,
    )


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match=r"Received: widths=\(8, 8\), blocks=\(1,\)"):
        TSMResNet((8, 8), (1,))

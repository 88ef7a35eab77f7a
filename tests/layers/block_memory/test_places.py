"""The map's head and its loss against numpy."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.layers.block_memory.map_loss import (
    NEIGHBOURS,
    SPAN,
    coarse_pixels,
    neighbour_loss,
)
from kpp_tf.layers.block_memory.places import PlaceHead
from tests.layer_checks import check_layer, perturb


def _loss(places, features, real, neighbours=NEIGHBOURS, span=SPAN):
    """KL[P || Q] of one episode in loops over pairs."""
    places, features = np.float64(places), np.float64(features)
    images = [n for n in range(len(places)) if real[n]]
    p, q = {}, {}
    for i in images:
        others = [j for j in images if j != i]
        others.sort(key=lambda j, i=i: np.sum((features[i] - features[j]) ** 2))
        for j in others[:neighbours]:
            for pair in ((i, j), (j, i)):
                p[pair] = p.get(pair, 0) + 1
        for j in others:
            q[i, j] = 1 / (1 + np.sum((span * (places[i] - places[j])) ** 2))
    total_p, total_q = sum(p.values()), sum(q.values())
    return sum(
        n / total_p * np.log(n / total_p * total_q / q[pair]) for pair, n in p.items()
    )


@pytest.mark.parametrize(("count", "padding"), [(20, 0), (20, 5), (6, 0), (9, 4)])
def test_loss_equals_numpy(count, padding):
    random = np.random.default_rng(count + padding)
    places = random.random((count, 2)).astype(np.float32)
    features = random.standard_normal((count, 7)).astype(np.float32)
    real = np.ones(count, np.float32)
    real[random.permutation(count)[:padding]] = 0
    # Two episodes at once, which do not see each other.
    both = [np.stack([x, x[::-1] * 0.9]) for x in (places, features)]
    both.append(np.stack([real, np.ones_like(real)]))
    got = neighbour_loss(*map(tf.constant, both))
    expected = [_loss(*(x[row] for x in both)) for row in range(2)]
    np.testing.assert_allclose(got, expected, rtol=2e-4)
    kept = both[2][..., None] > 0
    noisy = np.where(kept, both[1], 1e3).astype(np.float32)
    elsewhere = np.where(kept, both[0], 0.5).astype(np.float32)
    again = neighbour_loss(*map(tf.constant, (elsewhere, noisy, both[2])))
    np.testing.assert_allclose(again, got, rtol=1e-5)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_images_have_a_finite_loss_and_gradient(count):
    places = tf.fill([2, count, 2], 0.3)  # all at one place
    with tf.GradientTape() as tape:
        tape.watch(places)
        loss = neighbour_loss(places, tf.zeros([2, count, 3]), tf.ones([2, count]))
    np.testing.assert_allclose(loss, [0, 0], atol=1e-5)
    assert np.all(np.isfinite(tape.gradient(loss, places)))


@pytest.mark.parametrize(("side", "channels"), [(4, 1), (6, 3)])
def test_coarse_pixels_are_means_of_four(side, channels):
    episode = np.random.default_rng(7).random((2, 3, side, side, channels))
    expected = episode.reshape(2, 3, side // 2, 2, side // 2, 2, channels)
    got = coarse_pixels(tf.constant(episode, tf.float32))
    expected = expected.mean(axis=(3, 5)).reshape(2, 3, -1)
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_padding_alone_has_no_loss():
    random = np.random.default_rng(0)
    places = tf.constant(random.random((1, 12, 2)), tf.float32)
    features = tf.constant(random.random((1, 12, 3)), tf.float32)
    loss = neighbour_loss(places, features, tf.zeros([1, 12]))
    np.testing.assert_allclose(loss, [0], atol=1e-5)


def test_no_gradient_flows_into_features_or_embeddings():
    head = PlaceHead(2, hidden=5)
    embeddings = tf.constant(np.random.default_rng(2).random((2, 3, 4)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(embeddings)
        places = head(embeddings)
        loss = neighbour_loss(places[:, :, 0], embeddings, tf.ones([2, 3]))
    assert tape.gradient(loss, embeddings) is None


def test_places_equal_numpy():
    head = PlaceHead(2, hidden=5)
    embeddings = np.random.default_rng(3).standard_normal((2, 3, 4)).astype(np.float32)
    head(embeddings)
    perturb(head)
    w, b, v, c = (np.float64(x) for x in head.get_weights())
    hidden = embeddings @ w + b
    hidden = hidden / (1 + np.exp(-hidden))
    expected = 1 / (1 + np.exp(-(hidden @ v + c)))
    np.testing.assert_allclose(
        head(embeddings), expected.reshape(2, 3, 2, 2), atol=1e-6
    )


def test_fulfils_the_layer_contract(tmp_path):
    embeddings = np.random.default_rng(4).random((2, 3, 4)).astype(np.float32)
    check_layer(lambda: PlaceHead(2, 5), (embeddings,), ((2, 3, 2, 2),), tmp_path)

"""The map's head and its loss against numpy."""

import numpy as np
import pytest
import tensorflow as tf

from kpp_tf.layers.block_memory.map_loss import (
    NEIGHBOURS,
    SPAN,
    likeness_features,
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


@pytest.mark.parametrize("angle", [0.0, 0.4, 2.0, -1.2])
def test_a_ramp_has_the_gradients_of_its_angle(angle):
    """Every inner cell: cos^4 of the angle to each of eight directions."""
    y, x = np.mgrid[:28, :28] / 28
    ramp = 0.5 + 0.3 * (np.cos(angle) * (x - 0.5) + np.sin(angle) * (y - 0.5))
    features = likeness_features(tf.constant(ramp[None, None, ..., None], tf.float32))
    assert features.shape == (1, 1, 7 * 7 * 8)
    np.testing.assert_allclose(np.linalg.norm(features), 1, rtol=1e-5)
    inner = features.numpy().reshape(7, 7, 8)[1:-1, 1:-1]
    expected = np.maximum(np.cos(angle - 2 * np.pi * np.arange(8) / 8), 0) ** 4
    shares = inner / inner.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(
        shares, np.broadcast_to(expected / expected.sum(), shares.shape), atol=2e-3
    )


def test_likeness_asks_for_shape_not_for_contrast_and_in_colour_for_colour_too():
    random = np.random.default_rng(2)
    image = random.random((1, 1, 16, 16, 3)).astype(np.float32)
    pale, red = 0.3 + 0.5 * image, image * [1, 0.2, 0.2]
    base, same, other = (
        likeness_features(tf.constant(x, tf.float32)).numpy()
        for x in (image, pale, red)
    )
    np.testing.assert_allclose(same, base, atol=2e-3)
    assert np.linalg.norm(other[..., -48:] - base[..., -48:]) > 0.1  # 4 x 4 x 3 colours
    grey = image.mean(axis=-1, keepdims=True)
    found = likeness_features(tf.constant(grey)).numpy()
    np.testing.assert_allclose(found, base[..., :-48], atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 3), (28, 28, 1)])
def test_likeness_of_blank_and_small_images_is_finite(shape):
    for batch in (0, 2):
        features = likeness_features(tf.zeros([batch, 3, *shape]))
        assert features.shape[:2] == (batch, 3) and np.all(np.isfinite(features))


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

"""The loss that teaches the map: images that are alike lie side by side."""

import math

import tensorflow as tf

from kpp_tf.layers.each_frame import each_frame

NEIGHBOURS = 2
SPAN = 12.0  # sides of the memory, in units of the Student t kernel


def coarse_pixels(episode: tf.Tensor) -> tf.Tensor:
    """Images at half the resolution, by which neighbours are known.

    Distances between stored contents are no substitute: the longer training goes on,
    the more they tell every image from every other, alike or not.

    Args:
      episode: [B, T, H, W, C].

    Returns:
      float32 [B, T, F].
    """
    batch, length = tf.unstack(tf.shape(episode)[:2])
    coarse = each_frame(lambda frames: tf.nn.avg_pool2d(frames, 2, 2, "SAME"), episode)
    return tf.reshape(coarse, [batch, length, math.prod(coarse.shape[2:])])


def neighbour_loss(
    places: tf.Tensor, features: tf.Tensor, real: tf.Tensor
) -> tf.Tensor:
    """KL[P || Q] between the neighbour pairs in feature space and on the map, in nats.

    P is uniform over the pairs of an image and its nearest in feature space. Q falls
    with the distance on the map like a Student t, q_ij ~ 1 / (1 + (SPAN d_ij)^2). Pairs
    that are not neighbours repel each other, so that the images fill the map.

    Reference: van der Maaten, "Learning a parametric embedding by preserving local
    structure", AISTATS 2009, with nearest neighbours in place of perplexities.

    Args:
      places: float32 [B, T, 2].
      features: float32 [B, T, F]; no gradient flows into them.
      real: [B, T], 1 for an image and 0 for padding.

    Returns:
      float32 [B].
    """
    count = tf.shape(places)[1]
    features = tf.stop_gradient(tf.cast(features, tf.float32))
    pairs = real[:, :, tf.newaxis] * real[:, tf.newaxis] * (1.0 - tf.eye(count))
    far = (1.0 - pairs) * 1e30
    nearest = tf.math.top_k(
        -(_squared_distances(features) + far), tf.minimum(NEIGHBOURS, count)
    ).indices
    p = tf.reduce_sum(tf.one_hot(nearest, count), axis=2) * pairs
    p = _shares(p + tf.linalg.matrix_transpose(p))
    q = _shares(pairs / (1.0 + SPAN**2 * _squared_distances(places)))
    terms = p * (tf.math.log(p + 1e-12) - tf.math.log(q + 1e-12))
    return tf.reduce_sum(terms, axis=[1, 2])


def map_loss(places: tf.Tensor, episode: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
    """`neighbour_loss` of the map over the images of all episodes, in nats: [B, T].

    The map is one for all episodes, and few images of one episode are alike. Neighbours
    are known by `coarse_pixels`.

    Args:
      places: float32 [B, T, K, 2] of (x, y) in (0, 1).
      episode: [B, T, H, W, C].
      real: float32 [B, T], 1 for an image and 0 for padding.
    """
    features = _all_frames(coarse_pixels(episode))
    count = places.shape[2]
    losses = [
        neighbour_loss(_all_frames(places[:, :, k]), features, _all_frames(real))
        for k in range(count)
    ]
    return tf.add_n(losses)[0] / count * real


def _all_frames(frames: tf.Tensor) -> tf.Tensor:
    """[B, T, ...] to [1, N, ...], over all replicas: they train as one device would."""
    size = frames.shape[2:]
    replica = tf.distribute.get_replica_context()
    if replica is not None and replica.num_replicas_in_sync > 1:
        # A copy: a tensor that a step was given lies on no replica's device.
        frames = replica.all_gather(tf.identity(frames), axis=0)
    return tf.reshape(frames, [1, -1, *size])


def _squared_distances(points: tf.Tensor) -> tf.Tensor:
    norm = tf.reduce_sum(points**2, axis=-1)
    product = tf.matmul(points, points, transpose_b=True)
    squared = norm[:, :, tf.newaxis] + norm[:, tf.newaxis] - 2.0 * product
    return tf.maximum(squared, 0.0)


def _shares(weights: tf.Tensor) -> tf.Tensor:
    """Weights [B, T, T] divided by their sum; 0 where all are 0."""
    total = tf.reduce_sum(weights, axis=[1, 2], keepdims=True)
    return tf.math.divide_no_nan(weights, total)

"""Where in the memory an image wants to lie: a map on which neighbours are alike."""

import math

import keras
import tensorflow as tf

from kpp_tf.layers.each_frame import each_frame

NEIGHBOURS = 2
SPAN = 12.0  # sides of the memory, in units of the Student t kernel


@keras.saving.register_keras_serializable(package="kpp_tf")
class PlaceHead(keras.layers.Layer):
    """A place for each of the K blocks of a frame, from its embedding.

    It learns from `neighbour_loss` alone, not from the bound: the choice of a block is
    no smooth function of the place.

    Args:
      blocks_per_frame: K.
      hidden: features of the hidden layer.
    """

    def __init__(self, blocks_per_frame: int, hidden: int = 128, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.blocks_per_frame = blocks_per_frame
        self.hidden_size = hidden
        self.hidden = keras.layers.Dense(
            hidden, activation="silu", dtype="float32", name="hidden"
        )
        self.place = keras.layers.Dense(
            2 * blocks_per_frame, dtype="float32", name="place"
        )

    def build(self, embeddings_shape):
        self.hidden.build(embeddings_shape)
        self.place.build((*embeddings_shape[:-1], self.hidden_size))

    def call(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Embeddings [B, T, F] to places float32 [B, T, K, 2] of (x, y) in (0, 1)."""
        batch, length = tf.unstack(tf.shape(embeddings)[:2])
        embeddings = tf.stop_gradient(tf.cast(embeddings, tf.float32))
        raw = self.place(self.hidden(embeddings))
        return tf.sigmoid(tf.reshape(raw, [batch, length, self.blocks_per_frame, 2]))


def coarse_pixels(episode: tf.Tensor) -> tf.Tensor:
    """Images at half the resolution, by which neighbours are known.

    Distances between the contents that are stored say less of who is alike the longer
    training goes on: they come to tell every image from every other.

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
    """KL[P || Q] of who is whose neighbour, in nats: how little the map says of it.

    P is even over the pairs of an image and its nearest in feature space; Q falls with
    the distance on the map as a Student t does, q_ij ~ 1 / (1 + (SPAN d_ij)^2). Pairs
    that are no neighbours repel each other, so that the images fill the map.

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


def _squared_distances(points):
    norm = tf.reduce_sum(points**2, axis=-1)
    product = tf.matmul(points, points, transpose_b=True)
    squared = norm[:, :, tf.newaxis] + norm[:, tf.newaxis] - 2.0 * product
    return tf.maximum(squared, 0.0)


def _shares(weights):
    """Weights [B, T, T] over their sum; 0 where all are."""
    total = tf.reduce_sum(weights, axis=[1, 2], keepdims=True)
    return tf.math.divide_no_nan(weights, total)

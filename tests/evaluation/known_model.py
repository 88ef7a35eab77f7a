"""A model whose bounds are known in closed form, and episodes of random numbers."""

import numpy as np
import tensorflow as tf

from kpp_tf import noise
from kpp_tf.data import Episodes
from kpp_tf.models import Elbo

SHAPE = (2, 2, 1)


class KnownModel:
    """A memory is the mean image; the likelihood, a squared distance to it."""

    image_shape = SHAPE
    likelihood_name = "bernoulli"

    def write(self, episode, mask=None, written=None):
        weights = (mask if written is None else written)[:, :, None, None, None]
        total = tf.reduce_sum(episode * weights, axis=1)
        return total / tf.maximum(tf.reduce_sum(weights, axis=1), 1.0)

    def elbo(self, episode, seeds, mask=None, written=None, memory=None, analytic=True):
        if memory is None:
            memory = self.write(episode, mask, written)
        distance = tf.reduce_sum((episode - memory[:, None]) ** 2, axis=[2, 3, 4])
        drawn = noise.uniform(seeds, (tf.shape(episode)[1],), 3)
        kl_latents = 0.5 * tf.ones_like(drawn) if analytic else drawn
        kl_keys = tf.reduce_mean(episode, axis=[2, 3, 4])
        terms = (-distance, kl_latents, kl_keys, 0.25 * tf.ones_like(drawn))
        return Elbo(*(term * mask for term in terms))


def batch(lengths, length=4, seed=0):
    """Episodes of the given numbers of real images."""
    rng = np.random.default_rng(seed)
    mask = (np.arange(length) < np.array(lengths)[:, None]).astype(np.float32)
    images = rng.random((len(lengths), length, *SHAPE)).astype(np.float32)
    images *= mask[..., None, None, None]
    seeds = rng.integers(0, 1000, (len(lengths), 2)).astype(np.int32)
    index = np.where(mask > 0, 0, -1).astype(np.int64)
    return Episodes(*map(tf.constant, (images, mask, index, seeds)))


# A full batch; one with short episodes and a row of padding.
BATCHES = [batch([4, 4, 4], seed=1), batch([4, 3, 2, 0], seed=2)]


def episodes(batches=BATCHES):
    """(images [n, ...] float64, seeds [2]) of each real episode."""
    for one in batches:
        for images, mask, seeds in zip(
            one.images.numpy(), one.mask.numpy(), one.seeds.numpy(), strict=True
        ):
            if mask.any():
                yield images[mask > 0].astype(np.float64), seeds


def bounds(images, memory):
    """The bound of each image under a memory, float64, without the KL of latents."""
    distances = np.sum((images - memory) ** 2, axis=(1, 2, 3))
    return distances + images.mean(axis=(1, 2, 3)) + 0.25


def predictive_bounds(images):
    """The bound of each image of an episode under the mean of those before it."""
    return [
        bounds(images[t : t + 1], images[:t].mean(axis=0) if t else np.zeros(SHAPE))[0]
        + 0.5
        for t in range(len(images))
    ]

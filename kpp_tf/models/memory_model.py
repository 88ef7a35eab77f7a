"""The contract that every generative memory of this package fulfils."""

import abc
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from kpp_tf import likelihoods

# A memory: a tensor, or a NamedTuple of tensors, batch first.
Memory = Any


class Elbo(NamedTuple):
    """Terms of the bound of ln p(X|M), one number an image, in nats.

    Attributes:
      log_likelihood: E_q[ln p(X|Z, M-hat, Y)], float32 [B, T].
      kl_latents: E_q KL[q(Z|X) || p(Z|M-hat, Y)], float32 [B, T].
      kl_keys: KL[q(Y|X) || p(Y)], float32 [B, T].
      kl_memory: KL of the memory, shared evenly among an episode's images,
        float32 [B, T]; 0 for a deterministic memory.

    Padded images count 0 in every term.
    """

    log_likelihood: tf.Tensor
    kl_latents: tf.Tensor
    kl_keys: tf.Tensor
    kl_memory: tf.Tensor

    @property
    def bound(self) -> tf.Tensor:
        """-ln p(X|M) <= bound, nats/image [B, T]: lower is better."""
        kl = self.kl_latents + self.kl_keys + self.kl_memory
        return kl - self.log_likelihood


class MemoryModel(keras.Model, abc.ABC):
    """A generative model with an episodic memory.

    Seeds are int32 [B, 2], one stateless seed an episode: what becomes of an episode
    depends neither on its place in the batch nor on its neighbours (`kpp_tf.noise`).
    Masks are [B, T], 1 for a real image and 0 for padding at an episode's end.

    Args:
      image_shape: (H, W, C).
      likelihood: name of p(X|Z, M-hat); see `kpp_tf.likelihoods.get`.
      episode_length: T that the memory is meant for; other lengths work too.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (28, 28, 1),
        likelihood: str = "bernoulli",
        episode_length: int = 32,
        **kwargs,
    ):
        # Images and masks stay float32; each layer casts what it takes.
        super().__init__(autocast=False, **kwargs)
        self.image_shape = tuple(image_shape)
        self.likelihood_name = likelihood
        self.likelihood = likelihoods.get(likelihood)
        self.episode_length = episode_length

    @property
    @abc.abstractmethod
    def memory_floats(self) -> int:
        """Numbers that the memory of one episode of `episode_length` images holds."""

    @abc.abstractmethod
    def write(self, episode: tf.Tensor, mask: tf.Tensor | None = None) -> Memory:
        """Writes an episode [B, T, H, W, C] in [0, 1] into a memory."""

    @abc.abstractmethod
    def elbo(
        self,
        episode: tf.Tensor,
        seeds: tf.Tensor,
        mask: tf.Tensor | None = None,
        memory: Memory | None = None,
        analytic: bool = True,
    ) -> Elbo:
        """Terms of the bound of ln p(X|M), one sample of the latent variables.

        Args:
          episode: [B, T, H, W, C] in [0, 1].
          seeds: int32 [B, 2].
          mask: [B, T].
          memory: scores the episode under this memory; under the one written from the
            episode itself where it is None.
          analytic: KLs in closed form. False replaces each by its one-sample estimate
            ln q - ln p at the drawn values, so that exp(-bound) is an importance
            weight of p(X|M).
        """

    @abc.abstractmethod
    def generate(
        self,
        memory: Memory,
        num_samples: int,
        seeds: tf.Tensor,
        temperature: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Draws images from a memory.

        Args:
          memory: B memories.
          num_samples: N images of each.
          seeds: int32 [B, 2].
          temperature: [B], factor of the standard deviation of everything that is
            drawn; 1 where it is None.

        Returns:
          Mean images in [0, 1]: float32 [B, N, H, W, C].
        """

    @abc.abstractmethod
    def reconstruct(
        self,
        memory: Memory,
        queries: tf.Tensor,
        seeds: tf.Tensor,
        mask: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Reads the memory with keys drawn given `queries` [B, T, H, W, C].

        The queries need not be those that were written, nor in that order.

        Returns:
          Mean images in [0, 1]: float32 [B, T, H, W, C].
        """

    @abc.abstractmethod
    def refine(self, memory: Memory, images: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """One step of iterative inference: reads with the likeliest keys of `images`.

        Applied to generated or damaged images [B, N, H, W, C], again and again, it
        moves them towards what the memory holds.
        """

    def call(self, episode: tf.Tensor) -> tf.Tensor:
        """The bound [B, T] with seeds of 0: builds every weight of the model."""
        seeds = tf.zeros([tf.shape(episode)[0], 2], tf.int32)
        return self.elbo(episode, seeds).bound

    def build_from_shapes(self, length: int = 2) -> None:
        """Creates the weights, with an episode of zeros."""
        self(tf.zeros([1, length, *self.image_shape]))

    def check_episode(self, episode: tf.Tensor) -> tf.Tensor:
        """Returns the episode as a tensor.

        Raises:
          ValueError: if it is not [B, T, H, W, C] with this model's image shape, has
            no image, or (where values are known) holds numbers outside [0, 1] or NaN.
        """
        episode = tf.convert_to_tensor(episode)
        shape = episode.shape
        if shape.rank != 5 or not shape[2:].is_compatible_with(self.image_shape):
            raise ValueError(
                "an episode must have shape [B, T, H, W, C] with images of "
                f"{self.image_shape}. Received: shape {tuple(shape)}"
            )
        if shape[1] is not None and shape[1] < 1:
            raise ValueError(
                "an episode must have at least one image (T >= 1). Received: shape "
                f"{tuple(shape)}"
            )
        if not episode.dtype.is_floating:
            raise ValueError(
                "an episode must hold floating point numbers in [0, 1]; divide uint8 "
                f"images by 255. Received: dtype {episode.dtype.name}"
            )
        if tf.executing_eagerly():
            low, high = tf.reduce_min(episode), tf.reduce_max(episode)
            if not (low >= 0 and high <= 1):  # NaN fails every comparison
                raise ValueError(
                    "an episode must hold numbers in [0, 1]. Received: values from "
                    f"{float(low)} to {float(high)}"
                )
        return tf.ensure_shape(episode, [None, None, *self.image_shape])

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "likelihood": self.likelihood_name,
            "episode_length": self.episode_length,
        }

"""The contract that every generative memory of this package fulfils."""

import abc
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from ml_collections import ConfigDict

from kpp_tf import likelihoods, pretrained
from kpp_tf.config import default
from kpp_tf.errors import UserError
from kpp_tf.layers.make_decoder import make_decoder
from kpp_tf.layers.tsm_resnet import TSMResNet
from kpp_tf.models import capacity, keras_settings

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

    @classmethod
    def masked(
        cls,
        mask: tf.Tensor | None,
        log_likelihood: tf.Tensor,
        kl_latents: tf.Tensor | None = None,
        kl_keys: tf.Tensor | None = None,
        kl_memory: tf.Tensor | None = None,
    ) -> "Elbo":
        """Terms [B, T] with 0 for padded images, and for a term that is None."""
        terms = [log_likelihood, kl_latents, kl_keys, kl_memory]
        zeros = tf.zeros_like(log_likelihood)
        terms = [zeros if term is None else term for term in terms]
        if mask is not None:
            terms = [term * tf.cast(mask, tf.float32) for term in terms]
        return cls(*terms)

    @property
    def bound(self) -> tf.Tensor:
        """-ln p(X|M) <= bound, nats/image [B, T]: lower is better."""
        kl = self.kl_latents + self.kl_keys + self.kl_memory
        return kl - self.log_likelihood


class TrainingTerms(NamedTuple):
    """What a model asks training to learn from an episode: N scores of its frames.

    Attributes:
      elbo: terms [B, N].
      real: [B, N], 1 for an image and 0 for padding.
      written: [B, N], 1 where the memory held the image when it was scored.
      auxiliary: float32 [B, T], nats per image: a loss that is no part of the bound.
    """

    elbo: Elbo
    real: tf.Tensor
    written: tf.Tensor
    auxiliary: tf.Tensor


class MemoryModel(keras.Model, abc.ABC):
    """A generative model with an episodic memory.

    Seeds are int32 [B, 2], one stateless seed an episode: what becomes of an episode
    depends neither on its place in the batch nor on its neighbours (`kpp_tf.noise`).

    Two numbers say what a frame is. `mask` [B, T] is 1 for a real image and 0 for
    padding at an episode's end; None: all are real. `written` [B, T] is 1 for an image
    that the memory may hold and 0 for one that is only scored, against what the others
    left behind; None: as `mask`. T may be 0, and none need be written.

    No constructor of a model has defaults: `kpp_tf.config` holds the one set of them.
    It could not be built from the constructors, as imports run from models to config.

    Args:
      image_shape: (H, W, C).
      likelihood: name of p(X|Z, M-hat); see `kpp_tf.likelihoods.get`.
      episode_length: T that the memory is meant for; other lengths work too.
      encoder: arguments of `TSMResNet`.
      decoder: arguments of `make_decoder`.
    """

    config_name: str  # `config.model.name` of this class

    def __new__(cls, **arguments: Any):
        model = super().__new__(cls)
        model._arguments = arguments
        return model

    def __init__(
        self,
        image_shape: Sequence[int],
        likelihood: str,
        episode_length: int,
        encoder: Mapping[str, Any],
        decoder: Mapping[str, Any],
        **kwargs,
    ):
        keras_settings.check()
        # Images and masks stay float32; each layer casts what it takes.
        super().__init__(autocast=False, **kwargs)
        self.image_shape = tuple(image_shape)
        self.likelihood_name = likelihood
        self.likelihood = likelihoods.get(likelihood)
        self.episode_length = episode_length
        # What is known of the run that it is a model of; of data, training and seed.
        self.run_config = default()
        self.run_config.data.name = ""
        self.encoder = TSMResNet(**encoder, name="encoder")
        self.decoder = make_decoder(
            self.image_shape,
            self.likelihood.num_parameters(self.image_shape[-1]),
            **decoder,
        )

    @property
    @abc.abstractmethod
    def memory_floats(self) -> int:
        """Numbers that the memory of one episode of `episode_length` images holds."""

    def write(
        self,
        episode: tf.Tensor,
        mask: tf.Tensor | None = None,
        written: tf.Tensor | None = None,
    ) -> Memory:
        """Writes an episode into a memory, in which no other frame leaves a trace.

        Args:
          episode: [B, T, H, W, C] in [0, 1].
          mask: [B, T].
          written: [B, T].
        """
        written = self.check_written(episode, mask, written)
        return self.write_embeddings(self.embed(episode, mask, written), written)

    def write_embeddings(
        self, embeddings: tf.Tensor, written: tf.Tensor | None
    ) -> Memory:
        """The memory that frames make: what a model has in place of its own `write`.

        Args:
          embeddings: [B, T, E]; those of frames that are not `written` mean nothing.
          written: [B, T], or None where all are.
        """
        raise NotImplementedError

    @abc.abstractmethod
    def elbo(
        self,
        episode: tf.Tensor,
        seeds: tf.Tensor,
        mask: tf.Tensor | None = None,
        written: tf.Tensor | None = None,
        memory: Memory | None = None,
        analytic: bool = True,
    ) -> Elbo:
        """Terms of the bound of ln p(X|M), one sample of the latent variables.

        Args:
          episode: [B, T, H, W, C] in [0, 1].
          seeds: int32 [B, 2].
          mask: [B, T].
          written: [B, T].
          memory: scores the episode under this memory, and `written` says nothing;
            under the one written from the episode itself where it is None.
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
    def refine(self, memory: Memory, images: tf.Tensor) -> tf.Tensor:
        """One step of iterative inference: reads with the likeliest keys of `images`.

        Nothing is drawn. Applied to generated or damaged images [B, N, H, W, C], again
        and again, it moves them towards what the memory holds.
        """

    def embed(
        self,
        episode: tf.Tensor,
        mask: tf.Tensor | None = None,
        written: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Embeddings E = f_enc(X), one a frame.

        Args:
          episode: [B, T, H, W, C] in [0, 1].
          mask: [B, T].
          written: [B, T]; no embedding depends on another frame that is not written.

        Returns:
          [B, T, embedding_size].
        """
        written = self.check_written(episode, mask, written)
        return any_length(self.encoder, self.check_episode(episode), written)

    def embed_and_write(
        self,
        episode: tf.Tensor,
        mask: tf.Tensor | None,
        written: tf.Tensor | None,
        memory: Memory | None,
    ) -> tuple[tf.Tensor, Memory]:
        """Embeddings [B, T, E] of all frames; and `memory`, or if None what they write.

        Under a given memory all frames may see each other.
        """
        if memory is not None:
            return self.embed(episode, mask), memory
        written = self.check_written(episode, mask, written)
        embeddings = self.embed(episode, mask, written)
        return embeddings, self.write_embeddings(embeddings, written)

    def training_terms(
        self,
        episode: tf.Tensor,
        seeds: tf.Tensor,
        mask: tf.Tensor | None = None,
        written: tf.Tensor | None = None,
    ) -> TrainingTerms:
        """What training learns from: by default each frame once, as `elbo` has it.

        Args:
          episode: [B, T, H, W, C] in [0, 1].
          seeds: int32 [B, 2].
          mask: [B, T].
          written: [B, T].
        """
        elbo = self.elbo(episode, seeds, mask, written)
        ones = tf.ones(tf.shape(episode)[:2])
        real = ones if mask is None else mask
        written = real if written is None else written
        return TrainingTerms(elbo, real, written, tf.zeros_like(ones))

    def decode(self, code: tf.Tensor) -> tf.Tensor:
        """Likelihood parameters float32 [B, T, H, W, .] of codes [B, T, F]."""
        return any_length(self.decoder, tf.cast(code, self.compute_dtype))

    def picture(self, code: tf.Tensor) -> tf.Tensor:
        """Mean images float32 [B, T, H, W, C] in [0, 1] of codes [B, T, F]."""
        return self.likelihood.mean(self.decode(code), self.image_shape[-1])

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
          UserError: if it is not [B, T, H, W, C] with this model's image shape, or
            (where values are known) holds numbers outside [0, 1] or NaN.
        """
        episode = tf.convert_to_tensor(episode)
        shape = episode.shape
        if shape.rank != 5 or not shape[2:].is_compatible_with(self.image_shape):
            raise UserError(
                "an episode must have shape [B, T, H, W, C] with images of "
                f"{self.image_shape}. Received: shape {tuple(shape)}"
            )
        if not episode.dtype.is_floating:
            raise UserError(
                "an episode must hold floating point numbers in [0, 1]; divide uint8 "
                f"images by 255. Received: dtype {episode.dtype.name}"
            )
        if tf.executing_eagerly():
            low, high = tf.reduce_min(episode), tf.reduce_max(episode)
            if not (low >= 0 and high <= 1):  # NaN fails every comparison
                raise UserError(
                    "an episode must hold numbers in [0, 1]. Received: values from "
                    f"{float(low)} to {float(high)}"
                )
        return tf.ensure_shape(episode, [None, None, *self.image_shape])

    def check_written(
        self,
        episode: tf.Tensor,
        mask: tf.Tensor | None = None,
        written: tf.Tensor | None = None,
    ) -> tf.Tensor | None:
        """The frames that the memory may hold, no padding: float32 [B, T]; None: all.

        Raises:
          UserError: if `mask` or `written` is not [B, T] as the episode is, or (where
            values are known) holds anything but 0 and 1, or padding is `written`.
        """
        mask = _checked_frames("mask", mask, episode)
        if written is None:
            self._warn_of_forgetting(episode, mask)
            return mask
        written = _checked_frames("written", written, episode)
        self._warn_of_forgetting(episode, written)
        if mask is None:
            return written
        if tf.executing_eagerly() and tf.reduce_any(written > mask):
            raise UserError(
                "written must be 0 wherever mask is: padding is not written. Received: "
                f"written=1 with mask=0 at {tf.where(written > mask)[0].numpy()}"
            )
        return written * mask

    def _warn_of_forgetting(self, episode, written):
        """Warns of more images than the memory holds, where their number is known."""
        length = episode.shape[1]
        if written is not None:
            known = tf.executing_eagerly() and tf.size(written) > 0
            length = int(tf.reduce_max(tf.reduce_sum(written, 1))) if known else None
        said = capacity.warning(self, length, "memory_size") if length else None
        if said:
            warnings.warn(said.removeprefix("WARNING: "), stacklevel=3)

    def save_to_preset(
        self, folder: str | Path, training: Mapping[str, Any] | None = None
    ) -> Path:
        """Stores the model for `kpp_tf.from_preset`: four files, half precision.

        Args:
          folder: that does not exist yet.
          training: what its card is to say of its training; see
            `kpp_tf.pretrained.card`.

        Returns:
          The folder.

        Raises:
          UserError: if there is something at `folder`, or a weight is too large for
            half precision.
        """
        arguments = self.get_config()
        arguments["name"] = self.config_name
        config = self.run_config.copy_and_resolve_references().unlock()
        for name in ("image_shape", "episode_length"):
            config.data[name] = arguments.pop(name)
        config.model = ConfigDict(arguments)
        return pretrained.save(folder, self, config, training)

    def get_config(self) -> dict[str, Any]:
        # All of it: constructors have no defaults.
        return {**self._arguments, "name": self.name}


def any_length(
    function: Callable[..., tf.Tensor], frames: tf.Tensor, *masks: tf.Tensor | None
) -> tf.Tensor:
    """function(frames, *masks), also where T = 0.

    A blank frame goes through it then and is dropped: TensorFlow's convolutions and
    products give an empty batch other shapes than a full one (2.21, with oneDNN).

    Args:
      function: of frames and masks, its result [B, T, ...].
      frames: [B, T, ...].
      masks: [B, T] or None.
    """
    if frames.shape[1]:
        return function(frames, *masks)
    length = tf.shape(frames)[1]

    def padded(tensor):
        missing = [[0, 0], [0, tf.maximum(1 - length, 0)]]
        return tf.pad(tensor, [*missing, *[[0, 0]] * (len(tensor.shape) - 2)])

    masks = tuple(mask if mask is None else padded(mask) for mask in masks)
    return function(padded(frames), *masks)[:, :length]


def _checked_frames(name, frames, episode):
    """`frames` as float32 [B, T] of 0 and 1, or None where it is None."""
    if frames is None:
        return None
    frames = tf.cast(tf.convert_to_tensor(frames), tf.float32)
    expected = tf.TensorShape(tf.convert_to_tensor(episode).shape[:2])
    if frames.shape.rank != 2 or not frames.shape.is_compatible_with(expected):
        raise UserError(
            f"{name} must have one number a frame, shape [B, T] = {tuple(expected)}. "
            f"Received: shape {tuple(frames.shape)}"
        )
    if tf.executing_eagerly() and not tf.reduce_all((frames == 0) | (frames == 1)):
        raise UserError(
            f"{name} must hold 0 and 1 alone. Received: {np.unique(frames)[:5]}"
        )
    return frames

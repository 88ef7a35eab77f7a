"""The contract that every model of this package fulfils."""

import abc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from ml_collections import ConfigDict

from kpp_tf import likelihoods, noise, pretrained
from kpp_tf.config import default
from kpp_tf.errors import UserError
from kpp_tf.layers.make_decoder import make_decoder
from kpp_tf.layers.tsm_resnet import TSMResNet
from kpp_tf.models import keras_settings
from kpp_tf.models.elbo import Elbo, TrainingTerms, importance_weighted
from kpp_tf.models.frames import any_length, checked_count, checked_frames

# A memory: a tensor, or a NamedTuple of tensors, batch first.
Memory = Any


class MemoryModel(keras.Model, abc.ABC):
    """A generative model with an episodic memory.

    An `episode` is [B, T, H, W, C] in [0, 1]. `seeds` are int32 [B, 2], one stateless
    seed an episode: the noise of an episode depends neither on its place in the batch
    nor on its neighbours (`kpp_tf.noise`).

    Each frame has two flags. `mask` [B, T] is 1 for a real image and 0 for padding at
    an episode's end; None: all are real. `written` [B, T] is 1 for an image that the
    memory may hold and 0 for one that is only scored under the memory of the others;
    None: as `mask`. T may be 0, and no frame need be written.

    Defaults live in `config.py`; the reverse would be an import cycle. A constructor
    has one only for an argument that older saved configs lack.

    Args:
      image_shape: (H, W, C).
      likelihood: name of p(X|Z); see `kpp_tf.likelihoods.get`.
      episode_length: T that the memory is made for; other lengths work too.
      encoder: arguments of `TSMResNet`.
      decoder: arguments of `make_decoder`.
    """

    config_name: str  # `config.model.name` of this class

    def __new__(cls, **arguments: Any) -> "MemoryModel":
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
        **kwargs: Any,
    ):
        keras_settings.check()
        # Images and masks stay float32; each layer casts what it takes.
        super().__init__(autocast=False, **kwargs)
        self.image_shape = tuple(image_shape)
        self.likelihood_name = likelihood
        self.likelihood = likelihoods.get(likelihood)
        self.episode_length = episode_length
        # The run that trained this model: its data, training and seed, where known.
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
        """Numbers in the memory of one episode of `episode_length` images."""

    def write(
        self,
        episode: tf.Tensor,
        mask: tf.Tensor | None = None,
        written: tf.Tensor | None = None,
    ) -> Memory:
        """Returns the memory of an episode; only `written` frames affect it."""
        written = self.check_written(episode, mask, written)
        return self.write_embeddings(self.embed(episode, mask, written), written)

    def write_embeddings(
        self, embeddings: tf.Tensor, written: tf.Tensor | None
    ) -> Memory:
        """The memory of frames: what a model implements unless it has its own `write`.

        Args:
          embeddings: [B, T, E]; ignored for frames that are not `written`.
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
          memory: that the episode is scored under, whatever `written` is; None: the one
            that the episode writes.
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
          temperature: [B], 0 or more: factor of the standard deviation of everything
            that is drawn; 1 where it is None.

        Returns:
          Mean images in [0, 1]: float32 [B, N, H, W, C].

        Raises:
          UserError: for seeds or temperatures of another batch, or a negative number
            of samples or temperature.
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

        Raises:
          UserError: for a memory of another batch, or queries that are no episode.
        """

    @abc.abstractmethod
    def refine(self, memory: Memory, images: tf.Tensor) -> tf.Tensor:
        """One step of iterative inference: reads with the likeliest keys of `images`.

        Draws nothing. Applied repeatedly to generated or damaged images [B, N, H, W,
        C], it moves them towards what the memory holds.
        """

    def embed(
        self,
        episode: tf.Tensor,
        mask: tf.Tensor | None = None,
        written: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Embeddings E = f_enc(X), one a frame: [B, T, embedding_size].

        An embedding depends on its own frame and on written ones.
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
        """Embeddings [B, T, E] of all frames, and a memory.

        The memory is the given one, or if None what the frames write. Under a given
        memory all frames may see each other.
        """
        if memory is not None:
            return self.embed_queries(memory, episode, mask), memory
        written = self.check_written(episode, mask, written)
        embeddings = self.embed(episode, mask, written)
        return embeddings, self.write_embeddings(embeddings, written)

    def embed_queries(
        self, memory: Memory | None, queries: tf.Tensor, mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Embeddings [B, T, E] of images that are read from a memory, if it is given.

        Raises:
          UserError: if the memory is of another batch.
        """
        embeddings = self.embed(queries, mask)
        held, batch = _batch_of(memory), tf.convert_to_tensor(queries).shape[0]
        if None not in (held, batch) and held != batch:
            raise UserError(
                "the memory and the images must have the same batch. Received: "
                f"{held} memories, images of {batch} episodes"
            )
        return embeddings

    def check_draws(
        self, memory: Memory, num_samples: int | tf.Tensor, seeds: tf.Tensor
    ) -> tf.Tensor:
        """Returns the seeds of images that are drawn from a memory: int32 [B, 2].

        Raises:
          UserError: unless there is one seed a memory, and `num_samples` is 0 or more.
        """
        checked_count(num_samples)
        return noise.checked(seeds, _batch_of(memory))

    def training_terms(
        self,
        episode: tf.Tensor,
        seeds: tf.Tensor,
        mask: tf.Tensor | None = None,
        written: tf.Tensor | None = None,
        samples: int = 1,
    ) -> TrainingTerms:
        """The scores that training learns from: by default `elbo` of each frame.

        Args:
          episode: [B, T, H, W, C] in [0, 1].
          seeds: int32 [B, 2].
          mask: [B, T].
          written: [B, T].
          samples: of the importance-weighted bound; 1 is the bound, with KLs in closed
            form.
        """
        elbo = importance_weighted(
            [
                self.elbo(episode, own, mask, written, analytic=samples == 1)
                for own in noise.copies(seeds, samples)
            ]
        )
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
        """Returns the frames that the memory may hold, float32 [B, T]; None: all.

        Raises:
          UserError: if `mask` or `written` is not [B, T] as the episode is, or (where
            values are known) holds anything but 0 and 1, or padding is `written`.
        """
        mask = checked_frames("mask", mask, episode)
        if written is None:
            return mask
        written = checked_frames("written", written, episode)
        if mask is None:
            return written
        if tf.executing_eagerly() and tf.reduce_any(written > mask):
            raise UserError(
                "written must be 0 wherever mask is: padding is not written. Received: "
                f"written=1 with mask=0 at {tf.where(written > mask)[0].numpy()}"
            )
        return written * mask

    def save_to_preset(
        self, folder: str | Path, training: Mapping[str, Any] | None = None
    ) -> Path:
        """Stores the model for `kpp_tf.from_preset`: four files, half precision.

        Args:
          folder: a new one.
          training: facts of its training for the card; see `kpp_tf.pretrained.card`.

        Returns:
          The folder.

        Raises:
          UserError: if `folder` exists, or a weight is too large for half precision.
        """
        arguments = self.get_config()
        arguments["name"] = self.config_name
        config = self.run_config.copy_and_resolve_references().unlock()
        for name in ("image_shape", "episode_length"):
            config.data[name] = arguments.pop(name)
        config.model = ConfigDict(arguments)
        return pretrained.save(folder, self, config, training)

    def get_config(self) -> dict[str, Any]:
        return {**self._arguments, "name": self.name}


def _batch_of(memory: Memory | None) -> int | None:
    """B of a memory, if it is known; UserError if its parts differ in B."""
    sizes = {part.shape[0] for part in tf.nest.flatten(memory) if part is not None}
    known = sorted(sizes - {None})
    if len(known) > 1:
        raise UserError(f"a memory's parts must have the same batch. Received: {known}")
    return known[0] if known else None

"""A model and a data set so small that a training step takes milliseconds."""

import ml_collections
import numpy as np
import tensorflow as tf

from kpp_tf.config import default
from kpp_tf.data import ImageTable


def config(**train) -> ml_collections.ConfigDict:
    """4 episodes of 3 images of 8x8 a step; `train` overrides `config.train`."""
    config = default()
    config.data.image_shape = (8, 8, 1)
    config.data.episode_length = 3
    config.data.episodes_per_batch = 4
    config.model.memory_size = 2
    config.model.memory_depth = 4
    config.model.latent_size = 2
    config.model.latent_groups = 2
    config.model.hidden = 8
    config.model.explored = 0.0  # XLA draws other widths of the same seeds
    config.model.encoder.widths = (8,)
    config.model.encoder.blocks = (1,)
    config.model.encoder.embedding_size = 8
    config.model.decoder.widths = (8,)
    config.model.decoder.blocks = (1,)
    config.model.decoder.hidden = 8
    config.train.steps = 12
    config.train.steps_per_loop = 3
    config.train.warmup_steps = 4
    config.train.kl_warmup_steps = 8
    config.train.checkpoint_every = 6
    config.train.log_every = 6
    config.train.summary_every = 6
    config.train.update(train)
    config.eval.episodes_per_batch = 4
    return config


def table(count: int = 60, split: str = "train") -> ImageTable:
    """Black and white images: a bright rectangle each."""
    rng = np.random.default_rng(7)
    images = np.zeros((count, 8, 8, 1), np.uint8)
    for image in images:
        top, left = rng.integers(0, 5, 2)
        height, width = rng.integers(2, 5, 2)
        image[top : top + height, left : left + width] = 255
    return ImageTable(
        images=images, labels=None, levels=2, name="rectangles", split=split
    )


def arrays_of(path, part: str) -> dict[str, np.ndarray]:
    """One part of a checkpoint by key: model, optimizer or average."""
    reader = tf.train.load_checkpoint(str(path))
    keys = sorted(reader.get_variable_to_shape_map())
    return {key: reader.get_tensor(key) for key in keys if key.startswith(f"{part}/")}

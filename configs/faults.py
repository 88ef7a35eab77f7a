"""A small model for `make faults`: a step takes milliseconds.

The test is that a run which is killed again and again ends with the same weights as a
run that is not.
"""

import ml_collections

from kpp_tf.config import default


def get_config() -> ml_collections.ConfigDict:
    """The config."""
    config = default()
    config.data.episode_length = 4
    config.data.episodes_per_batch = 4
    config.model.memory_size = 3
    config.model.memory_depth = 8
    config.model.latent_size = 4
    config.model.encoder.widths = (8,)
    config.model.encoder.blocks = (1,)
    config.model.encoder.embedding_size = 16
    config.model.decoder.widths = (8,)
    config.model.decoder.blocks = (1,)
    config.model.decoder.hidden = 16
    config.train.steps = 3000
    config.train.ema_decay = 0.99
    config.train.checkpoint_every = 20
    config.train.steps_per_loop = 10
    config.train.keep_checkpoints = 3
    return config

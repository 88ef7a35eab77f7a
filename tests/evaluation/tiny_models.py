"""Models of a few thousand weights and episodes to go with them."""

import keras
import ml_collections

from kpp_tf.config import baseline, default
from kpp_tf.data import Episodes, ImageTable, evaluation_episodes
from kpp_tf.models import MemoryModel, build_model
from tests.training import tiny


def config(**model) -> ml_collections.ConfigDict:
    """Kanerva++ on episodes of 4 images of 8x8; `model` overrides `config.model`."""
    config = tiny.config()
    config.data.episode_length = 4
    config.model.update(model)
    return config


def kanerva_plus_plus(**model) -> MemoryModel:
    """With weights by seed 0."""
    keras.utils.set_random_seed(0)
    return build_model(config(**model))


def vma() -> MemoryModel:
    """A model whose memory has no keys in R^3."""
    keras.utils.set_random_seed(0)
    small = config()
    networks = {name: small.model[name] for name in ("encoder", "decoder")}
    other = default().unlock()
    other.data = small.data
    other.model = baseline("variational_memory_addressing")
    other.model.update(networks)
    other.model.encoder.shift = "none"
    other.model.address_samples = 0
    return build_model(other)


def episodes(count: int = 32, batch: int = 4) -> list[Episodes]:
    """Test episodes of rectangles, as batches."""
    table: ImageTable = tiny.table(count, "test")
    return list(
        evaluation_episodes(table, config().data, episodes_per_batch=batch, seed=5)
    )

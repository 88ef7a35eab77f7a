"""A tiny model that is served."""

from pathlib import Path
from typing import NamedTuple

import ml_collections
import numpy as np

from kpp_tf import config as config_lib
from kpp_tf.models import KanervaPlusPlus, build_model

LENGTH = 4
NAMES = [
    "generate",
    "generate_from_episode",
    "generate_from_keys",
    "generate_from_memory",
    "reconstruct",
    "refine",
    "serving_default",
    "write",
    "write_encoded",
    "write_marked",
    "write_next",
]


class Exported(NamedTuple):
    model: KanervaPlusPlus
    path: Path  # of the version
    differences: dict[str, float]


def tiny_config(likelihood="bernoulli"):
    config = config_lib.default()
    config.data.episode_length = LENGTH
    config.data.image_shape = (8, 8, 1)
    config.model.update(
        {
            "likelihood": likelihood,
            "memory_size": 2,
            "memory_depth": 8,
            "latent_size": 2,
            "latent_groups": 2,
            "encoder": {"widths": (8,), "blocks": (1,), "embedding_size": 16},
        }
    )
    config.model.decoder = ml_collections.ConfigDict(
        {"kind": "dense", "hidden": 16, "layers": 2}
    )
    return config


def tiny_model(likelihood="bernoulli"):
    model = build_model(tiny_config(likelihood))
    rng = np.random.default_rng(0)
    for weight in model.weights:  # none at 0, where errors would not show
        drawn = rng.standard_normal(weight.shape).astype(np.float32)
        weight.assign(weight + 0.1 * drawn)
    return model

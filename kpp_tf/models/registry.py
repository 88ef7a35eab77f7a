"""Builds models by the names in configs; loads presets."""

from pathlib import Path

import keras
from ml_collections import ConfigDict

from kpp_tf import pretrained, validation
from kpp_tf.config import read
from kpp_tf.errors import UserError
from kpp_tf.models import keras_settings
from kpp_tf.models.baselines.dnc import GenerativeDNC
from kpp_tf.models.baselines.dynamic_kanerva_machine import DynamicKanervaMachine
from kpp_tf.models.baselines.kanerva_machine import KanervaMachine
from kpp_tf.models.baselines.vae import VariationalAutoencoder
from kpp_tf.models.baselines.vma import VariationalMemoryAddressing
from kpp_tf.models.kanerva_plus_plus import KanervaPlusPlus
from kpp_tf.models.memory_model import MemoryModel

BY_NAME: dict[str, type[MemoryModel]] = {
    model.config_name: model
    for model in (
        DynamicKanervaMachine,
        GenerativeDNC,
        KanervaMachine,
        KanervaPlusPlus,
        VariationalAutoencoder,
        VariationalMemoryAddressing,
    )
}


def build_model(config: ConfigDict) -> MemoryModel:
    """Builds the model that a config names, with its weights created.

    Args:
      config: of `kpp_tf.config`; `config.model` holds the name and the
        constructor's arguments, `config.data` the image shape and episode length.

    Returns:
      The model, its weights drawn from `config.seed`.

    Raises:
      UserError: for an unknown name, or an argument that the model does not take.
    """
    arguments = config.model.to_dict()
    name = arguments.pop("name")
    if name not in BY_NAME:
        raise UserError(
            f"config.model.name must be one of {sorted(BY_NAME)}. Received: {name!r}"
        )
    keras_settings.check()  # before the `try`: a fault there is not the config's
    keras.utils.set_random_seed(config.seed)
    try:
        model = BY_NAME[name](
            image_shape=config.data.image_shape,
            episode_length=config.data.episode_length,
            **arguments,
        )
        model.build_from_shapes()
    except (TypeError, ValueError) as error:
        raise UserError(f"config.model cannot be built: {error}") from error
    model.run_config = config.copy_and_resolve_references()
    return model


def load_preset(source: str | Path) -> tuple[MemoryModel, ConfigDict]:
    """Loads a preset; nothing in its files is run.

    Args:
      source: a name, a folder or hf://user/name; see `kpp_tf.pretrained.find`.

    Returns:
      (model, config). The weights are float32, rounded to half precision as stored.

    Raises:
      UserError: if there is none, it is damaged, or its weights are not the config's.
    """
    folder = pretrained.find(source)
    config = read(folder)
    validation.check(config)
    model = build_model(config)
    pretrained.restore_weights(model, folder)
    return model, config

"""The models by the names that configs give them."""

from collections.abc import Callable

import keras
from ml_collections import ConfigDict

from kpp_tf.errors import UserError
from kpp_tf.models.dnc.model import GenerativeDNC
from kpp_tf.models.kanerva_machines.dynamic_kanerva_machine import DynamicKanervaMachine
from kpp_tf.models.kanerva_machines.kanerva_machine import KanervaMachine
from kpp_tf.models.kanerva_plus_plus import KanervaPlusPlus
from kpp_tf.models.memory_model import MemoryModel
from kpp_tf.models.vae import VariationalAutoencoder
from kpp_tf.models.vma.model import VariationalMemoryAddressing

BY_NAME: dict[str, Callable[..., MemoryModel]] = {
    "differentiable_neural_computer": GenerativeDNC,
    "dynamic_kanerva_machine": DynamicKanervaMachine,
    "kanerva_machine": KanervaMachine,
    "kanerva_plus_plus": KanervaPlusPlus,
    "vae": VariationalAutoencoder,
    "variational_memory_addressing": VariationalMemoryAddressing,
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
    keras.utils.set_random_seed(config.seed)
    try:
        model = BY_NAME[name](
            image_shape=config.data.image_shape,
            episode_length=config.data.episode_length,
            **arguments,
        )
        model.build_from_shapes()
    except (TypeError, ValueError) as error:
        # Constructors check what they are given, and that is the config's.
        raise UserError(f"config.model cannot be built: {error}") from error
    return model

"""Whether the weights of one model fit another: names, shapes and meaning."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kpp_tf.errors import UserError
from kpp_tf.models import MemoryModel
from kpp_tf.validation import flatten

# Model arguments that no weight depends on. (The scale's prior is free because weights
# see the widths that it gives.)
_FREE = frozenset(
    {
        "name",
        "episode_length",
        "memory_size",
        "explored",
        "near",
        "rounding",
        "scale_low",
        "scale_high",
    }
)


class ArchitectureError(UserError):
    """The weights belong to another architecture."""


def weight_names(model: keras.Model) -> dict[str, tf.Variable]:
    """The model's weights by path, without the model's own name.

    Raises:
      ValueError: if two weights share a path.
    """
    named: dict[str, tf.Variable] = {}
    for weight in model.weights:
        name = weight.path.partition("/")[2]
        if name in named:
            raise ValueError(f"two weights are called {name}: name the layers")
        named[name] = weight.value
    return named


def check_shapes(
    saved: Mapping[str, tuple[int, ...]], model: MemoryModel, path: str | Path
) -> None:
    """Compares the weights of a checkpoint with a model's, by name and shape.

    Args:
      saved: shapes of the checkpoint's weights, by `weight_names`.
      model: that is to take them.
      path: of the checkpoint, for the message.

    Raises:
      ArchitectureError: if they differ; the message lists the differences.
    """
    wanted = {name: tuple(w.shape) for name, w in weight_names(model).items()}
    lines = [
        f"  {name}: {saved.get(name, 'absent')} in the checkpoint, "
        f"{wanted.get(name, 'absent')} in the model"
        for name in sorted(saved.keys() | wanted.keys())
        if saved.get(name) != wanted.get(name)
    ]
    if lines:
        shown = lines[:10] + [f"  and {len(lines) - 10} more"] * (len(lines) > 10)
        raise ArchitectureError(
            f"The checkpoint is of another architecture. Received: {path}\n"
            + "\n".join(shown)
        )


def check_same_architecture(given: MemoryModel, wanted: MemoryModel) -> None:
    """Compares the models' classes and arguments: equal shapes are not enough.

    K++ with one group of latents may become K++ with several: the chain between groups
    starts without effect. Where blocks are maps, the model is convolutional, and images
    may be larger if they have as many more cells.

    Args:
      given: whose weights are to be taken.
      wanted: that is to take them.

    Raises:
      ArchitectureError: if they differ; the message lists the differences.
    """
    ours, theirs = _arguments(wanted), _arguments(given)
    lines = [
        f"{name} is {theirs.get(name, 'absent')}, here {ours.get(name, 'absent')}"
        for name in sorted(ours.keys() | theirs.keys())
        if ours.get(name) != theirs.get(name)
        and (name, theirs.get(name)) != ("latent_groups", 1)
    ]
    if lines:
        raise ArchitectureError(
            "To start from a model's weights, take its architecture: the --config that "
            f"it was trained with. Received one whose {'; '.join(lines)}"
        )


def _arguments(model: MemoryModel) -> dict[str, Any]:
    flat = flatten({"model": type(model).__name__, **model.get_config()})
    # The defaults of layers for configs that are older than these arguments.
    flat.setdefault("encoder.linear", False)
    if "block_size" in flat:
        flat.setdefault("latent_groups", 1)
    if flat.get("block_size", 1) > 1:
        side = flat.pop("block_size")
        *sides, channels = flat.pop("image_shape")
        flat["pixels of a cell"] = [*(pixels / side for pixels in sides), channels]
    # JSON files turn tuples into lists.
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in flat.items()
        if name not in _FREE
    }

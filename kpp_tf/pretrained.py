"""Weights that ship with the project: `pretrained/<name>/` in the source tree.

The environment's KPP_PRETRAINED_DIR, where it is set, names another folder of models.

A folder holds `config.json` and `weights.npz`, arrays of half precision under the
weights' paths; no code and no pickle.
"""

import json
import os
import re
from pathlib import Path

import ml_collections
import numpy as np

from kpp_tf.config import completed
from kpp_tf.errors import UserError
from kpp_tf.files import new_folder, write_json
from kpp_tf.models import MemoryModel, build_model
from kpp_tf.training.checkpoints import weight_names

FOLDER = Path(
    os.environ.get("KPP_PRETRAINED_DIR")
    or Path(__file__).resolve().parent.parent / "pretrained"
)
CONFIG, WEIGHTS = "config.json", "weights.npz"


def names(folder: Path = FOLDER) -> list[str]:
    """Names of the models that can be loaded."""
    return sorted(path.parent.name for path in folder.glob(f"*/{WEIGHTS}"))


def load(
    name: str, folder: Path = FOLDER
) -> tuple[MemoryModel, ml_collections.ConfigDict]:
    """Loads a pretrained model.

    Args:
      name: e.g. "binarized_mnist"; see `names`.
      folder: that holds the models.

    Returns:
      (model, config); weights are float32, rounded to half precision as stored.

    Raises:
      UserError: for an unknown name, or weights that are not the config's.
    """
    if name not in names(folder):
        raise UserError(
            f"There is no pretrained model of that name; there are {names(folder)}. "
            f"Received: {name!r}"
        )
    config = completed(json.loads((folder / name / CONFIG).read_text("utf-8")))
    model = build_model(config)
    with np.load(folder / name / WEIGHTS, allow_pickle=False) as stored:
        weights = weight_names(model)
        if sorted(stored.files) != sorted(weights):
            odd = sorted(set(stored.files) ^ set(weights))
            raise UserError(
                f"{name}/{WEIGHTS} holds other weights than its config describes. "
                f"Received in one of both only: {odd[:5]}"
            )
        for path, variable in weights.items():
            variable.assign(stored[path].astype(np.float32))
    return model, config


def save(
    name: str,
    model: MemoryModel,
    config: ml_collections.ConfigDict,
    folder: Path = FOLDER,
) -> Path:
    """Stores a model in half precision; returns its folder.

    Raises:
      UserError: if there is a model of that name, the name is no plain word, or a
        weight is too large for half precision.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise UserError(
            "a model's name has letters, digits, '_' and '-'; it names a folder. "
            f"Received: {name!r}"
        )
    target = folder / name
    if target.exists():
        raise UserError(
            f"{target} exists; move it away to store another model under its name. "
            f"Received: {name}"
        )
    with np.errstate(over="ignore"):  # checked below
        halves = {
            path: variable.numpy().astype(np.float16)
            for path, variable in weight_names(model).items()
        }
    for path, values in halves.items():
        if not np.all(np.isfinite(values)):
            raise UserError(
                f"weights must be finite in half precision, below 65,504. Received: "
                f"{path}, which is not"
            )
    with new_folder(target) as temporary:
        write_json(temporary / CONFIG, config.to_dict())
        np.savez_compressed(temporary / WEIGHTS, **halves)
    return target

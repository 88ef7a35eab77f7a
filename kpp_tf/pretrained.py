"""Weights that ship with the project: `pretrained/<name>/` in the source tree.

The environment's KPP_PRETRAINED_DIR, where it is set, names another folder of models.

A folder holds `config.json` and `weights.npz`, arrays of half precision under the
weights' paths; no code and no pickle.
"""

import os
import re
import zipfile
import zlib
from pathlib import Path

import ml_collections
import numpy as np

from kpp_tf.config import FILE, read
from kpp_tf.errors import UserError
from kpp_tf.files import new_folder, write_json
from kpp_tf.models import MemoryModel, build_model
from kpp_tf.training.checkpoints import weight_names

FOLDER = Path(
    os.environ.get("KPP_PRETRAINED_DIR")
    or Path(__file__).resolve().parent.parent / "pretrained"
)
WEIGHTS = "weights.npz"


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
    config = read(folder / name)
    model = build_model(config)
    weights, path = weight_names(model), folder / name / WEIGHTS
    try:
        with np.load(path, allow_pickle=False) as archive:
            stored = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"the file is damaged: {error}. Received: {path}") from error
    wanted = {key: tuple(variable.shape) for key, variable in weights.items()}
    found = {key: array.shape for key, array in stored.items()}
    odd = sorted(key for key, _ in wanted.items() ^ found.items())
    if odd:
        raise UserError(
            f"these weights are not those that its {FILE} describes: "
            f"{', '.join(odd[:5])}. Received: {path}"
        )
    for key, variable in weights.items():
        variable.assign(stored[key].astype(np.float32))
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
        write_json(temporary / FILE, config.to_dict())
        np.savez_compressed(temporary / WEIGHTS, **halves)
    return target

"""The four files of a preset: written whole, or not at all."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import ml_collections

from kpp_tf import files
from kpp_tf.config import FILE
from kpp_tf.errors import UserError
from kpp_tf.pretrained import card, weights
from kpp_tf.version import __version__

CARD, METADATA, WEIGHTS = "README.md", "metadata.json", "model.weights.h5"
_DIGEST = "weights_sha256"


def save(
    folder: str | Path,
    model: keras.Model,
    config: ml_collections.ConfigDict,
    training: Mapping[str, Any] | None = None,
) -> Path:
    """Stores a model in half precision; returns its folder.

    Args:
      folder: that does not exist yet.
      model: its weights created.
      config: of which `kpp_tf.models.build_model` makes the model.
      training: what is known of its training: see `card.text`.

    Raises:
      UserError: if there is something at `folder`, or a weight is too large for half
        precision.
    """
    folder = Path(folder)
    now = datetime.datetime.now(datetime.timezone.utc)
    with files.new_folder(folder) as temporary:
        weights.write(model, temporary / WEIGHTS)
        metadata = {
            "keras_version": keras.__version__,
            "kpp_tf_version": __version__,
            "parameter_count": model.count_params(),
            "date_saved": now.strftime("%Y-%m-%d@%H:%M:%S"),
            "training": dict(training or {}),
            _DIGEST: files.sha256(temporary / WEIGHTS),
        }
        files.write_json(temporary / FILE, config.to_dict())
        files.write_json(temporary / METADATA, metadata)
        write_card(temporary, folder.name)
    return folder


def restore_weights(model: keras.Model, folder: Path) -> None:
    """Sets a model's weights to a preset's, rounded to half precision as stored.

    Raises:
      UserError: if they are damaged, or not those of this model.
    """
    metadata, path = files.read_json(folder / METADATA), folder / WEIGHTS
    # Presets of others need not have one.
    if metadata.get(_DIGEST, digest := files.sha256(path)) != digest:
        raise UserError(
            f"the file is damaged: it has not the {_DIGEST} of {METADATA}. "
            f"Received: {path}"
        )
    weights.read(model, path)


def write_card(
    folder: Path,
    name: str,
    results: Mapping[str, Any] | None = None,
    references: Sequence[card.Reference] = (),
) -> None:
    """Writes the card of a preset from its other files.

    Args:
      folder: of the preset.
      name: of the preset.
      results: what tools/evaluate.py measured of it.
      references: figures to compare with: see `card.text`.
    """
    config = files.read_json(folder / FILE)
    metadata = files.read_json(folder / METADATA)
    with files.replacing(folder / CARD) as temporary:
        temporary.write_text(
            card.text(name, config, metadata, results, references), encoding="utf-8"
        )

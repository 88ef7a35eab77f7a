"""Versioned SavedModels: `<folder>/<integer version>/`, as TF Serving loads them.

A version is written under a temporary name that servers ignore, checked against the
live model, and renamed: a server never sees half a version, and none is overwritten.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import kpp_tf
from kpp_tf.errors import UserError
from kpp_tf.files import new_folder, write_json
from kpp_tf.models import KanervaPlusPlus
from kpp_tf.serving import export_checks, warmup
from kpp_tf.serving.signatures import signatures

# Kernels of a graph sum in another order than eager ones, which changes the pixels of a
# confident decoder by up to about 1e-5.
TOLERANCE = 1e-4
DESCRIPTION_FILE = "kpp_tf.json"


def export(
    model: KanervaPlusPlus,
    folder: str | os.PathLike,
    name: str,
    num_samples: int | None = None,
    warm_up: bool = True,
) -> tuple[Path, dict[str, float]]:
    """Exports the next version of a model.

    Args:
      model: with its weights.
      folder: of the model's versions, TF Serving's base_path; created if missing.
      name: the model's name for clients: letters, digits, `_` and `-`.
      num_samples: N images that one `generate` draws; None for the episode length.
      warm_up: whether to add warm-up records for TF Serving (the `serving` extra).

    Returns:
      (the version's folder, the differences to the live model as `compare` gives them).

    Raises:
      ExportMismatchError: if a difference exceeds 1e-4; nothing is left behind.
      UserError: for a wrong name or number, or if the extra is missing.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise UserError(
            f"a model's name must be letters, digits, '_' and '-'. Received: {name!r}"
        )
    if num_samples is None:
        num_samples = model.episode_length
    if num_samples < 1:
        raise UserError(f"num_samples must be at least 1. Received: {num_samples}")
    if warm_up:
        warmup.require_extra()
    offered = signatures(model, num_samples)
    # No server looks at the temporary name, which is no number.
    version = Path(folder) / str(max(versions(folder), default=0) + 1)
    with new_folder(version) as written:
        endpoints = {n: (s.batched(), s.specs()) for n, s in offered.items()}
        write(endpoints, written)
        differences = compare(model, written, num_samples)
        export_checks.check(differences, TOLERANCE)
        extra = written / "assets.extra"
        extra.mkdir()
        _describe(model, num_samples, extra / DESCRIPTION_FILE)
        if warm_up:
            warmup.write(extra, name, offered, model.episode_length)
    return version, differences


def versions(folder: str | os.PathLike) -> list[int]:
    """Version numbers in a model's folder, ascending; empty if there is no folder."""
    if not Path(folder).is_dir():
        return []
    names = (path.name for path in Path(folder).iterdir() if path.is_dir())
    return sorted(int(name) for name in names if name.isdecimal())


def compare(
    model: KanervaPlusPlus, path: str | os.PathLike, num_samples: int
) -> dict[str, float]:
    """Differences between a SavedModel and the live model, for a batch of two.

    Args:
      model: the live model.
      path: folder of the SavedModel.
      num_samples: N it was exported with.

    Returns:
      See `export_checks.differences`.
    """
    loaded = tf.saved_model.load(os.fspath(path))

    def run(name: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        tensors = {key: tf.constant(value) for key, value in inputs.items()}
        outputs = loaded.signatures[name](**tensors)
        return {key: value.numpy() for key, value in outputs.items()}

    offered = signatures(model, num_samples)
    return export_checks.differences(offered, run, 2, model.episode_length)


def write(
    endpoints: Mapping[str, tuple[Callable, list[tf.TensorSpec]]],
    path: str | os.PathLike,
) -> None:
    """Writes a SavedModel of functions, by name, and the specs of their inputs."""
    # Not archive.track(model): what the endpoints use is tracked without, and would be
    # saved twice.
    archive = keras.export.ExportArchive()
    for name, (function, specs) in endpoints.items():
        archive.add_endpoint(name, function, specs)
    archive.write_out(os.fspath(path), verbose=False)


def _describe(model: KanervaPlusPlus, num_samples: int, path: Path) -> None:
    """Writes what the graph does not say; TF Serving ignores the file."""
    description = {
        "kpp_tf": kpp_tf.__version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "model": type(model).__name__,
        "num_samples": num_samples,
        "capacity": model.capacity,
        "config": model.get_config(),
        "experiment": model.run_config.to_dict(),
    }
    write_json(path, description)

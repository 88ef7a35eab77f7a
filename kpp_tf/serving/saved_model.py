"""Versioned SavedModels: `<base>/<model>/<integer version>/`, as TF Serving loads them.

A version is written under a temporary name that no server looks at, checked against the
live model, and renamed: a server never sees half a version, and none is overwritten.
"""

import json
import os
import re
import shutil
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import kpp_tf
from kpp_tf.models import KanervaPlusPlus
from kpp_tf.serving import warmup
from kpp_tf.serving.signatures import Signature, signatures
from kpp_tf.serving.specs import example_inputs

TOLERANCE = 1e-5
DESCRIPTION_FILE = "kpp_tf.json"


class ExportMismatchError(RuntimeError):
    """The exported model does not compute what the live model computes."""


def export(
    model: KanervaPlusPlus,
    base: str | os.PathLike,
    name: str,
    num_samples: int | None = None,
    warm_up: bool = True,
) -> tuple[Path, dict[str, float]]:
    """Exports the next version of a model.

    Args:
      model: with its weights.
      base: folder of models; created if it is missing.
      name: of the model, as clients call it: letters, digits, `_` and `-`.
      num_samples: N images that one `generate` draws; None for the episode length.
      warm_up: whether to add warm-up records for TF Serving (the `serving` extra).

    Returns:
      (the version's folder, the largest difference to the live model by output, as
      `compare` gives it).

    Raises:
      ExportMismatchError: if a difference exceeds 1e-5; nothing is left behind.
      ValueError: for a name or a number that cannot be.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise ValueError(
            f"a model's name must be letters, digits, '_' and '-'. Received: {name!r}"
        )
    if num_samples is None:
        num_samples = model.episode_length
    if num_samples < 1:
        raise ValueError(f"num_samples must be at least 1. Received: {num_samples}")
    offered = signatures(model, num_samples)
    folder = Path(base) / name
    folder.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
    try:
        written = aside / "saved_model"
        _write(offered, written)
        differences = compare(model, written, num_samples)
        worst = max(differences, key=differences.get)
        # Not `>`: a difference that is NaN must fail as well.
        if not differences[worst] <= TOLERANCE:
            raise ExportMismatchError(
                f"the export of {worst} differs from the live model by "
                f"{differences[worst]:.2g}, more than {TOLERANCE:g}; nothing was "
                f"exported. Received: {differences}"
            )
        extra = written / "assets.extra"
        extra.mkdir()
        _describe(model, num_samples, extra / DESCRIPTION_FILE)
        if warm_up:
            warmup.write(extra, name, offered, model.episode_length)
        return _publish(written, folder), differences
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def versions(folder: str | os.PathLike) -> list[int]:
    """Version numbers in a model's folder, ascending; empty if there is no folder."""
    if not Path(folder).is_dir():
        return []
    names = (path.name for path in Path(folder).iterdir() if path.is_dir())
    return sorted(int(name) for name in names if name.isdecimal())


def compare(
    model: KanervaPlusPlus, path: str | os.PathLike, num_samples: int
) -> dict[str, float]:
    """Largest difference between a SavedModel and the live model.

    Both get the same random inputs, a batch of two; the live model a row at a time.

    Args:
      model: the live model.
      path: folder of the SavedModel.
      num_samples: N it was exported with.

    Returns:
      By `signature/output`, max |exported - live| / max(1, max |live|).
    """
    loaded = tf.saved_model.load(os.fspath(path))
    differences = {}
    for name, signature in signatures(model, num_samples).items():
        drawn = example_inputs(signature.inputs, batch=2, length=model.episode_length)
        inputs = {key: tf.constant(value) for key, value in drawn.items()}
        exported = loaded.signatures[name](**inputs)
        rows = [
            signature.row(**{k: value[row : row + 1] for k, value in inputs.items()})
            for row in range(2)
        ]
        for output in signature.outputs:
            live = np.concatenate([np.asarray(row[output], np.float32) for row in rows])
            difference = np.max(np.abs(exported[output].numpy() - live))
            scale = max(1.0, float(np.max(np.abs(live))))
            differences[f"{name}/{output}"] = float(difference) / scale
    return differences


def _write(offered: dict[str, Signature], path: Path) -> None:
    # Not archive.track(model): what the endpoints use is tracked without, and would be
    # saved twice.
    archive = keras.export.ExportArchive()
    for name, signature in offered.items():
        archive.add_endpoint(name, signature.batched(), signature.specs())
    archive.write_out(os.fspath(path), verbose=False)


def _describe(model: KanervaPlusPlus, num_samples: int, path: Path) -> None:
    """Writes what the graph does not tell; TF Serving ignores the file."""
    description = {
        "kpp_tf": kpp_tf.__version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "model": type(model).__name__,
        "num_samples": num_samples,
        "config": model.get_config(),
    }
    path.write_text(json.dumps(description, indent=1) + "\n")


def _publish(written: Path, folder: Path) -> Path:
    """Renames a finished version to the next free number."""
    written.chmod(0o755)  # a server may be another user
    number = max(versions(folder), default=0) + 1
    while True:
        target = folder / str(number)
        try:
            # Refused if another export took the number: a version is no empty folder.
            os.rename(written, target)
        except OSError:
            if not target.exists():
                raise
            number += 1
        else:
            return target

"""Weights of a Keras model as a .weights.h5 file of half precision."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from kpp_tf.errors import UserError, reason

if TYPE_CHECKING:
    import keras


def write(model: keras.Model, path: Path) -> None:
    """Writes the weights in half precision, in the layout of `Model.save_weights`.

    Keras stores float32, so its file is copied with each array rounded and compressed.

    Args:
      model: with its weights created.
      path: ends with ".weights.h5", in a folder of the caller's own.

    Raises:
      UserError: if a weight is too large for half precision.
    """
    whole = path.with_name(f"whole.{path.name}")
    model.save_weights(whole)
    try:
        with h5py.File(whole) as source, h5py.File(path, "w") as target:
            for name, values in _arrays(source):
                with np.errstate(over="ignore"):
                    half = values[...].astype(np.float16)
                if not np.all(np.isfinite(half)):
                    raise UserError(
                        "weights must be finite in half precision, below 65,504. "
                        f"Received: {name}, which is not"
                    )
                filters: dict[str, Any] = {}
                if half.ndim:  # HDF5 takes a single number as it is
                    filters = {"chunks": half.shape, "shuffle": True}
                    filters["compression"] = "gzip"
                target.create_dataset(name, data=half, **filters)
    finally:
        whole.unlink()


def read(model: keras.Model, path: Path) -> None:
    """Sets the weights to a file's arrays; they keep their own precision.

    Raises:
      UserError: if the file is damaged, holds more than arrays, or its arrays are not
        the model's weights.
    """
    try:
        with h5py.File(path) as file:
            arrays = [values for _, values in _arrays(file)]
            count = sum(values.size for values in arrays)
            if count == model.count_params():
                for values in arrays:  # damage shows before a weight is touched
                    values[...]
    except UserError:
        raise
    except (OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(
            f"the file is damaged: {reason(error)}. Received: {path}"
        ) from error
    problem = f"it holds {count:,} numbers, not {model.count_params():,}"
    try:
        if count == model.count_params():
            model.load_weights(path)
            return
    except ValueError as error:
        problem = reason(error)
    raise UserError(
        f"these weights do not fit the model of the config beside them: {problem}. "
        f"Received: {path}"
    )


def _arrays(group: h5py.Group) -> Iterator[tuple[str, h5py.Dataset]]:
    """Yields the arrays of an HDF5 file by their paths; refuses everything else.

    HDF5 can link to other files, and compute arrays from others.
    """
    for name in group:
        plain = isinstance(group.get(name, getlink=True), h5py.HardLink)
        item = group[name] if plain else None
        if isinstance(item, h5py.Group):
            yield from _arrays(item)
        elif (
            isinstance(item, h5py.Dataset)
            and not item.external
            and not item.is_virtual
            and item.dtype.kind == "f"
        ):
            yield item.name, item
        else:
            raise UserError(
                "a file of weights holds arrays of floating point numbers, and no "
                f"links. Received: {name} in {group.file.filename}"
            )

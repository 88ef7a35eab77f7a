"""What tells somebody's images from others: names, sizes, and the bytes of some."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from kpp_tf.data import tfds_files
from kpp_tf.data.own import arrays, folder, load
from kpp_tf.data.registry import DATA_SETS
from kpp_tf.data.tfds_images import PREFIX

_BLOCKS, _BLOCK = 64, 1 << 16  # read of all files together; bytes


def kept_name(name: str) -> str:
    """A name as a run keeps it: a place in the current folder as an absolute path."""
    here = Path(name).expanduser()
    is_place = here.is_dir() or (here.suffix in arrays.SUFFIXES and here.is_file())
    known = name in DATA_SETS or not name.strip()
    return str(here.absolute()) if is_place and not known else name


def of(data_config: ConfigDict, data_dir: str | None) -> dict[str, Any]:
    """The fingerprint of own images, of all splits.

    Args:
      data_config: `config.data`; uses `name`.
      data_dir: see `registry.load_images`.

    Returns:
      "place", which two fingerprints of the same images need not share, "files",
      "bytes", and SHA-256 of "names" and sizes and of "contents" here and there. Empty
      for a data set that everybody has the same.

    Raises:
      UserError: if there is nothing at that place.
    """
    name = data_config.name
    if name in DATA_SETS:
        return {}
    if name.startswith(PREFIX):
        place = tfds_files.find(name.removeprefix(PREFIX), data_dir)
        names = sorted(path.name for path in place.glob("*record*"))
    else:
        place = load.find(name, data_dir)
        names = [path.name for path in load.array_files(place)]
        if place.is_file():
            place = place.parent
        elif not names:
            listed = folder.listing(place).files
            names = [file.name for file in listed if not file.problem]
    paths = [place / name for name in names]
    sizes = [path.stat().st_size for path in paths]
    # Of few files more blocks each, of many the blocks of some.
    chosen = (
        sorted({len(paths) * n // _BLOCKS for n in range(_BLOCKS)}) if paths else []
    )
    each = max(1, _BLOCKS // max(1, len(paths)))
    contents = hashlib.sha256()
    for row in chosen:
        contents.update(_blocks(paths[row], sizes[row], each))
    listing = "\n".join(f"{n} {size}" for n, size in zip(names, sizes, strict=True))
    return {
        "place": str(place),
        "files": len(names),
        "bytes": sum(sizes),
        "names": hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest(),
        "contents": contents.hexdigest(),
    }


def _blocks(path: Path, size: int, count: int) -> bytes:
    with path.open("rb") as stream:
        found = []
        for number in range(count):
            stream.seek(max(0, size - _BLOCK) * number // max(1, count - 1))
            found.append(stream.read(_BLOCK))
    return b"".join(found)

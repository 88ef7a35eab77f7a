"""Where presets are: in the package, in a folder, or on a hub."""

import re
from pathlib import Path

from kpp_tf.config import FILE
from kpp_tf.errors import UserError, reason, require
from kpp_tf.pretrained.preset import CARD, METADATA, WEIGHTS

FOLDER = Path(__file__).resolve().parent  # beside this file lie those that ship
HUB = "hf://"


def names() -> list[str]:
    """Names of the presets that ship."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{WEIGHTS}"))


def find(source: str | Path) -> Path:
    """The folder of a preset.

    Args:
      source: name of one that ships, such as "binarized_mnist"; else a folder; or
        "hf://user/name", with "@revision" if wanted, which is downloaded once.

    Raises:
      UserError: if there is none, or the hub's extra is not installed.
    """
    if str(source).startswith(HUB):
        return _download(str(source))
    if source in names():
        return FOLDER / source
    if (Path(source) / WEIGHTS).is_file():
        return Path(source)
    raise UserError(
        f"a preset is one of {names()}, a folder that holds {WEIGHTS}, or "
        f"hf://user/name. Received: {str(source)!r}"
    )


def _download(handle: str) -> Path:
    match = re.fullmatch(r"hf://([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", handle)
    if match is None:
        raise UserError(
            "a preset on Hugging Face is hf://user/name or hf://user/name@revision. "
            f"Received: {handle!r}"
        )
    require("huggingface_hub", "hub", "for hf:// (or download the folder, and name it)")
    import huggingface_hub

    # All that is taken: a repository may hold anything.
    files = [CARD, FILE, METADATA, WEIGHTS]
    try:
        folder = huggingface_hub.snapshot_download(
            match[1], revision=match[2], allow_patterns=files
        )
    except (OSError, ValueError) as error:  # what its errors of every kind are
        raise UserError(
            f"the preset cannot be downloaded: {reason(error).rstrip('.')}. "
            f"Received: {handle!r}"
        ) from error
    if not (Path(folder) / WEIGHTS).is_file():
        raise UserError(f"there is no {WEIGHTS}: no preset. Received: {handle!r}")
    return Path(folder)

"""Where presets and their example images are: in the package, a folder or on a hub."""

import re
from pathlib import Path

from kpp_tf.config import FILE
from kpp_tf.errors import UserError, reason, require

CARD, METADATA, WEIGHTS = "README.md", "metadata.json", "model.weights.h5"
EXAMPLES = "examples.npz"  # optional
FOLDER = Path(__file__).resolve().parent  # the presets that ship lie beside this file
HUB = "hf://"


def names() -> list[str]:
    """Names of the presets that ship."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{WEIGHTS}"))


def find(source: str | Path) -> Path:
    """The folder of a preset.

    Args:
      source: name of a preset that ships, such as "binarized_mnist"; else a folder;
        or "hf://user/name", with "@revision" if wanted, which is downloaded once.

    Raises:
      UserError: if there is no such preset, or the hub's extra is not installed.
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


def examples(source: str | Path) -> Path | None:
    """The file of a preset's example images, or None if the preset has none.

    Args:
      source: see `find`.

    Returns:
      An .npz file that holds `images`, uint8 [N, H, W, C], as the model takes them.
    """
    path = find(source) / EXAMPLES
    return path if path.is_file() else None


def _download(handle: str) -> Path:
    match = re.fullmatch(r"hf://([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", handle)
    if match is None:
        raise UserError(
            "a preset on Hugging Face is hf://user/name or hf://user/name@revision. "
            f"Received: {handle!r}"
        )
    require("huggingface_hub", "hub", "for hf:// (or download the folder, and name it)")
    import huggingface_hub

    # A repository may hold anything; only these files are taken.
    files = [CARD, FILE, METADATA, WEIGHTS, EXAMPLES]
    try:
        folder = huggingface_hub.snapshot_download(
            match[1], revision=match[2], allow_patterns=files
        )
    except (OSError, ValueError) as error:  # the bases of all of its errors
        raise UserError(
            f"the preset cannot be downloaded: {reason(error).rstrip('.')}. "
            f"Received: {handle!r}"
        ) from error
    if not (Path(folder) / WEIGHTS).is_file():
        raise UserError(f"there is no {WEIGHTS}: no preset. Received: {handle!r}")
    return Path(folder)

"""The images that a run saw: kept beside its config, compared when it goes on."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_collections

from kpp_tf import files
from kpp_tf.config import FILE as CONFIG
from kpp_tf.data.own import fingerprint
from kpp_tf.training import checkpoints
from kpp_tf.training.workdirs import WorkdirError

FILE = "data.json"


def check(
    workdir: str | Path,
    config: ml_collections.ConfigDict,
    data_dir: str | None,
    told: bool,
) -> None:
    """Refuses to go on with images of another place, unless they are the same.

    Args:
      workdir: of the run, which need not exist.
      config: to go on with.
      data_dir: folder of prepared data sets.
      told: whether the user said that the images moved.

    Raises:
      WorkdirError: if the place is another, and the images are, or none are on record.
    """
    folder = Path(workdir)
    if told or checkpoints.newest_checkpoint(folder) is None:
        return
    path = folder / CONFIG
    saved = files.read_json(path, "data")["data"] if path.exists() else {}
    before, now = saved.get("name"), config.data.name
    if before == now or not Path(str(before)).is_absolute():
        return
    recorded = _recorded(folder)
    if not recorded or differences(workdir, config, data_dir):
        raise WorkdirError(
            "The run saw images of another place, and these are not known to be the "
            "same: --images=PLACE goes on with them. Received: "
            f"{now!r}, where the run had {before!r}"
        )


def differences(
    workdir: str | Path, config: ml_collections.ConfigDict, data_dir: str | None
) -> str:
    """How the images of a config differ from those that a run saw; "" if they do not.

    Args:
      workdir: of the run.
      config: whose `data` names the images.
      data_dir: folder of prepared data sets.
    """
    recorded = _recorded(Path(workdir))
    if not recorded:
        return ""
    now = fingerprint.of(config.data, data_dir)
    for entry in recorded:
        if changed := _changed(entry, now):
            return f"{changed} since step {entry.get('after_step')}"
    return ""


def keep(
    workdir: str | Path,
    config: ml_collections.ConfigDict,
    data_dir: str | None,
    step: int,
) -> None:
    """Records the images of the steps to come; says so if they are not those before.

    Args:
      workdir: of the run, locked.
      config: of the run.
      data_dir: folder of prepared data sets.
      step: that the run goes on from.
    """
    now = fingerprint.of(config.data, data_dir)
    if not now:
        return
    recorded = _recorded(Path(workdir)) if step else []
    if recorded and (changed := _changed(recorded[-1], now)):
        print(
            f"WARNING: the images are not those that the run had before: {changed}. It "
            f"goes on from step {step} with them, and {FILE} says so.",
            file=sys.stderr,
        )
    if not recorded or _changed(recorded[-1], now):
        recorded.append({"after_step": step, **now})
        files.write_json(Path(workdir) / FILE, {"fingerprints": recorded})


def _recorded(folder: Path) -> list[dict[str, Any]]:
    path = folder / FILE
    found = files.read_json(path, "fingerprints") if path.exists() else {}
    recorded = found.get("fingerprints", [])
    if not isinstance(recorded, list) or not all(isinstance(r, dict) for r in recorded):
        raise WorkdirError(f"the file is damaged; move it away. Received: {path}")
    return recorded


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs, in words; "" if nothing does."""
    fields = ("files", "bytes", "names", "contents")
    changed = [name for name in fields if before.get(name) != now.get(name)]
    counts = [
        f"{name} {before.get(name)} -> {now.get(name)}"
        for name in changed
        if name in ("files", "bytes")
    ]
    return ", ".join(counts) or " and ".join(changed)

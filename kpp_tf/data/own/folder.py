"""A folder of pictures, with or without folders of splits and classes."""

from __future__ import annotations

import collections
import functools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import UnidentifiedImageError

from kpp_tf import files
from kpp_tf.data.own import decode, pixels
from kpp_tf.data.own.collection import Collection, shown
from kpp_tf.data.own.options import Options
from kpp_tf.data.own.splits import arranged
from kpp_tf.errors import UserError, reason


class File(NamedTuple):
    """A picture file, or why it is none.

    Attributes:
      name: relative to the folder, with "/".
      size: in bytes.
      changed: time of the last change, in ns.
      problem: why it is not to be opened; "" if it is.
    """

    name: str
    size: int
    changed: int
    problem: str


class Listing(NamedTuple):
    """What lies in a folder.

    Attributes:
      root: the folder, without links.
      files: that may be pictures, in order.
      passed_over: reasons, and the names of everything else.
    """

    root: Path
    files: tuple[File, ...]
    passed_over: tuple[tuple[str, tuple[str, ...]], ...]


def listing(folder: Path) -> Listing:
    """Lists a folder's pictures, and what is passed over.

    Links are followed to files and folders inside the folder, in a folder beside it, or
    in the store of blobs of a download from a hub; each linked folder once, so that
    loops end.
    """
    root = folder.resolve()
    passed_over: dict[str, list[str]] = collections.defaultdict(list)
    found = tuple(_walked(root, root, passed_over, set()))
    others = tuple((why, tuple(names)) for why, names in passed_over.items())
    return Listing(root, found, others)


# One collection stays, so that the splits of a run are decoded once.
@functools.lru_cache(maxsize=1)
def read(listed: Listing, options: Options) -> Collection:
    """Decodes the pictures of a folder.

    A class is named by the folders that its images lie in; `splits.arranged` says which
    folders are splits.

    Args:
      listed: what lies in the folder.
      options: how; "stop" of `damaged` stops at the first file that cannot be decoded,
        or is a link that is not followed.

    Raises:
      UserError: if there are no images, or at a damaged file with "stop".
    """
    root, listed_files, _ = listed
    passed_over = {why: list(names) for why, names in listed.passed_over}
    if not listed_files:
        raise UserError(
            f"There are no {', '.join(decode.SUFFIXES)} files in the folder. "
            f"Received: {str(root)!r}, where there are {shown(passed_over) or 'none'}"
        )
    names = [file.name for file in listed_files]
    places, unplaced = arranged(names, options.named_splits, str(root))
    if unplaced:
        passed_over["in no split"] = [names[row] for row in unplaced]
    rows = sorted(places)
    images, found, problems = _decoded(
        root, [listed_files[row] for row in rows], options
    )
    if problems:
        first, why = next(iter(problems.items()))
        if not found:
            raise UserError(
                f"No image of {str(root)!r} can be read. Received: {first!r} ({why})"
            )
        if options.damaged == "stop":
            raise UserError(
                f"An image of {str(root)!r} cannot be read. Remove it, or pass over "
                "such files with config.data.damaged='skip'. "
                f"Received: {first!r} ({why})"
            )
        passed_over["unreadable"] = [f"{n} ({why})" for n, why in problems.items()]
    kept = [row for row in rows if names[row] not in problems]
    classes = [places[row][1] for row in kept]
    enlarged = sum(
        pixels.is_enlarged(*picture.size, options.image_shape) for picture in found
    )
    frames = sum(picture.frames > 1 for picture in found)
    notes = [f"{frames} are animations: the first frame is taken"] if frames else []
    _check_depth(root, [picture.deepest for picture in found], options.white)
    return Collection(
        images,
        [names[row] for row in kept],
        classes if any(classes) else (),
        [places[row][0] for row in kept],
        passed_over,
        notes,
        enlarged,
        _are_copies([root / names[row] for row in kept]),
    )


def _walked(
    folder: Path, root: Path, passed_over: dict[str, list[str]], followed: set[Path]
) -> Iterator[File]:
    """Files of a folder in order, then of the folders in it."""
    try:
        names = sorted(os.listdir(folder))
    except PermissionError:
        passed_over["folders that may not be read"].append(str(folder))
        return
    folders = []
    for name in names:
        path = folder / name
        relative = path.relative_to(root).as_posix()
        if name.startswith("."):
            passed_over["hidden"].append(relative)
        elif path.is_dir():
            folders.append(path)
        elif path.suffix.lower() in decode.SUFFIXES:
            is_file = path.is_file()
            status = path.stat() if is_file else path.lstat()
            problem = "" if is_file else "it is no file"
            if path.is_symlink() and not _is_near(path.resolve(), root):
                problem = "it links to outside of the folder"
            yield File(relative, status.st_size, status.st_mtime_ns, problem)
        else:
            passed_over[path.suffix.lower() or "no suffix"].append(relative)
    for path in folders:
        if path.is_symlink():
            target = path.resolve()
            again = target in followed or folder.resolve().is_relative_to(target)
            if again or not _is_near(target, root):
                where = "of folders read already" if again else "to outside"
                passed_over[f"links {where}"].append(
                    f"{path.relative_to(root).as_posix()} -> {target}"
                )
                continue
            followed.add(target)
        yield from _walked(path, root, passed_over, followed)


def _is_near(target: Path, root: Path) -> bool:
    """Whether a link from the root may lead there."""
    if target.is_relative_to(root):
        return True
    # A file of a hub's snapshots/<revision>/ is a link into blobs/ beside snapshots/.
    stores = [
        above.parent / "blobs" for above in root.parents if above.name == "snapshots"
    ]
    if any(target.is_relative_to(store) for store in stores):
        return True
    beside = root.parent
    is_folder = beside != Path(beside.anchor) and target.is_relative_to(beside)
    holder = target if target.is_dir() else target.parent
    return is_folder and holder != beside


class _Found(NamedTuple):
    """Of a decoded picture: (height, width), and as `decode.Picture` has them."""

    size: tuple[int, int]
    frames: int
    deepest: int


def _decoded(
    root: Path, listed: list[File], options: Options
) -> tuple[np.ndarray, list[_Found], dict[str, str]]:
    """Images of the files, what was found in each, and why others cannot be read."""
    images = np.empty((len(listed), *options.image_shape), np.uint8)

    def one(row: int) -> _Found | str:
        if listed[row].problem:
            return listed[row].problem
        try:
            picture = decode.picture(root / listed[row].name, options.white)
            fitted = pixels.fit(
                tf.constant(picture.pixels), options.image_shape, options.ground
            )
        except UnidentifiedImageError:
            return "it is no picture of a known kind"
        except Exception as error:  # Pillow's plugins raise whatever they like
            return reason(error)
        images[row] = fitted
        return _Found(picture.pixels.shape[:2], picture.frames, picture.deepest)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = list(pool.map(one, range(len(listed))))
    problems = {
        file.name: outcome
        for file, outcome in zip(listed, outcomes, strict=True)
        if isinstance(outcome, str)
    }
    whole = [not isinstance(outcome, str) for outcome in outcomes]
    found = [outcome for outcome in outcomes if not isinstance(outcome, str)]
    return images[whole] if problems else images, found, problems


def _are_copies(paths: list[Path]) -> bool:
    """Whether all files hold the same bytes."""
    same_size = len({path.stat().st_size for path in paths}) == 1
    return same_size and len(set(map(files.sha256, paths))) == 1


def _check_depth(root: Path, deepest: list[int], white: float) -> None:
    """Refuses files of 16 bits that use fewer, unless `white` says how many."""
    highest = max(deepest)
    if not white and 0 < highest < 2**15:
        raise UserError(
            "Files of 16 bits would be nearly black: set config.data.white to the "
            "number that is white, 4095 of 12 bits, 65535 of 16. Received: "
            f"{sum(map(bool, deepest))} such files of {str(root)!r}, up to {highest}"
        )

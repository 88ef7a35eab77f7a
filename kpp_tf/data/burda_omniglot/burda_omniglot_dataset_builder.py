"""Omniglot at 28x28 as Burda et al. (2016) made it."""

import hashlib
import io
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from absl import logging
from etils import epath

from kpp_tf.errors import UserError

URL = "https://github.com/yburda/iwae/raw/master/datasets/OMNIGLOT/chardata.mat"
FILE_NAME = "chardata.mat"
# From TFSnippet's loader of the same file; no SHA-256 has been published.
MD5 = "21ecaf34373511aa7691cf2e0802aa3d"
ALPHABETS = 50
IMAGES = {"train": 24_345, "test": 8_070}

_SIZE = 28
# The file's arrays of a split: images, one-hot alphabets, and characters from 1 up.
KEYS = {
    "train": ("data", "target", "targetchar"),
    "test": ("testdata", "testtarget", "testtargetchar"),
}


class Builder(tfds.core.GeneratorBasedBuilder):
    """Reads `chardata.mat` from the manual folder, or else downloads it."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""\
    Download {URL}
    to `manual_dir/{FILE_NAME}`. This is needed without a network only.
    """

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(_SIZE, _SIZE, 1)),
                    "alphabet": tfds.features.ClassLabel(num_classes=ALPHABETS),
                    "character": tfds.features.Scalar(np.int64),
                }
            ),
            supervised_keys=("image", "alphabet"),
            homepage="https://github.com/yburda/iwae",
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[int, dict[str, Any]]]]:
        path = _manual_file(dl_manager) or dl_manager.download(URL)
        contents = _read_mat(path)
        return {
            split: self._generate_examples(contents, split, path) for split in IMAGES
        }

    def _generate_examples(
        self, contents: dict[str, np.ndarray], split: str, path: epath.Path
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        images, alphabets, characters = parse(contents, split, str(path))
        for index, image in enumerate(images):
            yield (
                index,
                {
                    "image": image,
                    "alphabet": alphabets[index],
                    "character": characters[index],
                },
            )


def _manual_file(dl_manager: tfds.download.DownloadManager) -> epath.Path | None:
    try:
        path = dl_manager.manual_dir / FILE_NAME
    except AssertionError:  # TFDS's way to say that there is no such folder.
        return None
    return path if path.exists() else None


def _read_mat(path: epath.Path) -> dict[str, np.ndarray]:
    loadmat = tfds.core.lazy_imports.scipy.io.loadmat
    contents = epath.Path(path).read_bytes()
    if hashlib.md5(contents, usedforsecurity=False).hexdigest() != MD5:
        logging.warning(
            "%s is not the file that others have used (MD5 %s); only shapes and ranges "
            "of its arrays are checked.",
            path,
            MD5,
        )
    try:
        return loadmat(io.BytesIO(contents))
    except Exception as error:  # SciPy raises whatever its parser stumbles on.
        raise UserError(f"{path} is not a MATLAB file: {error}") from error


def parse(
    contents: dict[str, np.ndarray], split: str, source: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Checks and unpacks a split of `chardata.mat`.

    Args:
      contents: the file's arrays: pixels [784, N] in [0, 1], MATLAB's column order;
        one-hot alphabets [50, N]; characters [1, N] from 1 up.
      split: "train" or "test".
      source: the file's name, for messages.

    Returns:
      Images uint8 [N, 28, 28, 1], alphabets int64 [N] and characters int64 [N] from 0.

    Raises:
      UserError: if the file holds anything else, naming it.
    """
    missing = [key for key in KEYS[split] if key not in contents]
    if missing:
        raise UserError(
            f"{source} lacks the arrays {missing}; it has "
            f"{sorted(key for key in contents if not key.startswith('__'))}. "
            f"Expected the file at {URL}"
        )
    pixels, alphabets, characters = (contents[key] for key in KEYS[split])
    count = IMAGES[split]
    expected = ((_SIZE * _SIZE, count), (ALPHABETS, count), (1, count))
    found = (pixels.shape, alphabets.shape, characters.shape)
    if found != expected:
        raise UserError(
            f"In {source} the arrays {KEYS[split]} have shapes {found}; "
            f"expected {expected}."
        )
    if not (np.all(pixels >= 0) and np.all(pixels <= 1)):
        raise UserError(
            f"In {source} the pixels {KEYS[split][0]!r} are not all in [0, 1]: "
            f"from {pixels.min()} to {pixels.max()}."
        )
    if not (np.all(alphabets.sum(0) == 1) and characters.min() >= 1):
        raise UserError(
            f"In {source} the labels {KEYS[split][1:]} are not one-hot alphabets "
            "and characters from 1 up."
        )
    # MATLAB stores an image column by column.
    images = pixels.T.reshape(-1, _SIZE, _SIZE).transpose(0, 2, 1)
    images = np.rint(255.0 * images).astype(np.uint8)[..., None]
    return images, alphabets.argmax(0), characters[0].astype(np.int64) - 1

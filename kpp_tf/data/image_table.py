"""A split's images in one array: what every data set is loaded into."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kpp_tf.errors import UserError

# Grey images are made black and white by it: from here up a pixel is white.
WHITE_FROM = 128

_PORTION = 2**20  # bytes of images that are looked at together


@dataclasses.dataclass(frozen=True)
class ImageTable:
    """All images of one split, decoded once.

    Attributes:
      images: uint8 [N, H, W, C] in [0, 255]; an ordinary array, or a memory-mapped
        one where the split may be larger than the memory. Binary images are {0, 255}.
      labels: int64 [N], the class of each image (for mazes the number of its
        walk), or None where the data has none.
      levels: how many values a pixel of an *episode* can take: 2 or 256. It is 2
        for grey images that are binarized afresh each time they are seen.
      name: the data set, for example "omniglot28".
      split: the split, for example "test" or "train+validation".
      groups: further labels by name, each int64 [N]; Omniglot has "alphabet".
      names: the names of the labels 0, 1, ... of "class" or of a group, where the data
        has names.
      image_names: a name for each image, such as its file; may be empty.
    """

    images: np.ndarray
    labels: np.ndarray | None
    levels: int
    name: str
    split: str
    groups: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    names: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    image_names: Sequence[str] = ()

    def __post_init__(self) -> None:
        where = f"the {self.split!r} split of {self.name!r}"
        if self.images.ndim != 4 or self.images.dtype != np.uint8:
            raise UserError(
                f"Images of {where} must be uint8 [N, H, W, C]. "
                f"Received: {self.images.dtype} {self.images.shape}"
            )
        if not len(self.images):
            raise UserError(
                f"There are no images in {where}. "
                "Check that the prepared data is whole, or choose another split."
            )
        for group, labels in self._labels().items():
            if labels.shape != (len(self.images),) or labels.dtype != np.int64:
                raise UserError(
                    f"The {group!r} labels of {where} must be int64 "
                    f"[{len(self.images)}]. Received: {labels.dtype} {labels.shape}"
                )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return self.images.shape[1:]

    def group_labels(self, grouping: str) -> np.ndarray:
        """The labels that `grouping` ("class" or the name of a group) refers to.

        Raises:
          UserError: if this table has no such labels.
        """
        known = self._labels()
        if grouping not in known:
            raise UserError(
                f"{self.name!r} has no labels to group episodes by {grouping!r}; "
                f"it can be grouped by {sorted(known) or 'nothing'} or be 'uniform'. "
                f"Received: config.data.grouping={grouping!r}"
            )
        return known[grouping]

    def _labels(self) -> dict[str, np.ndarray]:
        """All labels by the name of their group."""
        of_class = {} if self.labels is None else {"class": self.labels}
        return {**self.groups, **of_class}

    def label_name(self, grouping: str, label: int) -> str:
        """The name of a label of `grouping`, or its number where it has no name."""
        names = self.names.get(grouping)
        return repr(names[label]) if names else str(label)

    def describe(self) -> dict[str, Any]:
        """Name, size and shape; mean and deviation of the pixels in [0, 1]; classes."""
        counts = np.zeros(256, np.int64)
        for portion in portions(self.images):
            counts += np.bincount(portion.reshape(-1), minlength=256)
        values = np.arange(256) / 255
        mean = float(counts @ values / counts.sum())
        return {
            "name": self.name,
            "split": self.split,
            "images": len(self),
            "image_shape": list(self.image_shape),
            "levels": self.levels,
            "mean": mean,
            "standard_deviation": math.sqrt(
                counts @ (values - mean) ** 2 / counts.sum()
            ),
            "classes": None if self.labels is None else len(np.unique(self.labels)),
            "groups": {name: len(np.unique(of)) for name, of in self.groups.items()},
        }


def portions(images: np.ndarray) -> Iterator[np.ndarray]:
    """Some images at a time, in memory, of images that may lie on disk."""
    count = max(1, _PORTION // max(1, images[0].size))
    for start in range(0, len(images), count):
        yield np.asarray(images[start : start + count])


def is_black_and_white(images: np.ndarray) -> bool:
    """Whether all pixels are 0 or 255."""
    return all(
        bool(((portion == 0) | (portion == 255)).all()) for portion in portions(images)
    )

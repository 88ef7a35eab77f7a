"""A split's images in one array: what every source of images returns."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from kpp_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class ImageTable:
    """All images of one split, decoded once.

    Attributes:
      images: uint8 [N, H, W, C] in [0, 255]; an ordinary array, or a memory-mapped
        one where the split is too large to hold. Binary images are {0, 255}.
      labels: int64 [N], the class of each image (for mazes the number of its
        walk), or None where the data has none.
      levels: how many values a pixel of an *episode* can take: 2 or 256. It is 2
        for grey images that are binarized afresh each time they are seen.
      name: the data set, for example "omniglot28".
      split: the split, for example "test" or "train+validation".
      groups: further labels by name, each int64 [N]; Omniglot has "alphabet".
      names: what people call label i of "class" or of a group, where the data says.
      image_names: of each image, such as its file; empty where they have none.
    """

    images: np.ndarray
    labels: np.ndarray | None
    levels: int
    name: str
    split: str
    groups: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    names: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    image_names: Sequence[str] = ()

    def __post_init__(self):
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
        """What people call a label of `grouping`: its name, else its number."""
        names = self.names.get(grouping)
        return repr(names[label]) if names else str(label)

import numpy as np
import pytest

from kpp_tf.data import ImageTable


def _table(**changes):
    arguments = {
        "images": np.zeros((3, 4, 5, 1), np.uint8),
        "labels": np.arange(3),
        "levels": 256,
        "name": "toy",
        "split": "train",
    }
    return ImageTable(**{**arguments, **changes})


def test_describes_its_images():
    table = _table(groups={"alphabet": np.array([0, 0, 1])})
    assert len(table) == 3
    assert table.image_shape == (4, 5, 1)
    assert table.group_labels("class").tolist() == [0, 1, 2]
    assert table.group_labels("alphabet").tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": np.zeros((3, 4, 5), np.uint8)}, r"Received: uint8 \(3, 4, 5\)"),
        ({"images": np.zeros((3, 4, 5, 1))}, "Received: float64"),
        ({"images": np.zeros((0, 4, 5, 1), np.uint8)}, "no images in the 'train'"),
        ({"labels": np.arange(2)}, r"'class' labels .* Received: int64 \(2,\)"),
        ({"groups": {"alphabet": np.zeros(3)}}, "'alphabet' labels .* float64"),
    ],
)
def test_refuses_arrays_that_do_not_fit(changes, message):
    with pytest.raises(ValueError, match=message):
        _table(**changes)


def test_names_the_groups_there_are():
    with pytest.raises(ValueError, match=r"\['class'\].*grouping='alphabet'"):
        _table().group_labels("alphabet")
    with pytest.raises(ValueError, match="nothing"):
        _table(labels=None).group_labels("class")

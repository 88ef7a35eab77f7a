import numpy as np
import pytest

from kpp_tf.data import ImageTable
from kpp_tf.data.image_table import is_black_and_white


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


def test_numbers_of_a_split_on_disk_are_the_numbers_of_its_pixels(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (5000, 2, 3, 1), np.uint8)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    about = _table(images=mapped, labels=np.arange(5000) // 1000).describe()
    assert about["mean"] == pytest.approx((images / 255).mean(), abs=1e-12)
    assert about["standard_deviation"] == pytest.approx((images / 255).std(), abs=1e-12)
    assert (about["images"], about["classes"], about["groups"]) == (5000, 5, {})


@pytest.mark.parametrize(("value", "expected"), [(255, True), (254, False)])
def test_one_grey_pixel_makes_a_split_grey(value, expected):
    images = np.zeros((5000, 2, 2, 1), np.uint8)
    images[4999, 1, 1] = value
    assert is_black_and_white(images) is expected

"""Grids of images to the pixel; figures by what their axes hold."""

import numpy as np
import pytest
from matplotlib import pyplot
from PIL import Image

from kpp_tf import plots


def test_a_grid_has_each_image_in_its_place():
    images = np.random.default_rng(0).random((2, 3, 4, 5, 3))
    grid = plots.image_grid(images, pad=1, zoom=2)
    assert grid.shape == (1 + 2 * (8 + 1), 1 + 3 * (10 + 1), 3)
    assert grid.dtype == np.uint8
    cell = grid[10:18, 23:33]
    np.testing.assert_array_equal(cell[::2, ::2], np.rint(images[1, 2] * 255))
    np.testing.assert_array_equal(cell[::2, ::2], cell[1::2, 1::2])
    assert np.all(grid[0] == 128) and np.all(grid[:, 11] == 128)


def test_grey_images_get_three_equal_channels_and_are_clipped():
    grid = plots.image_grid(np.array([-1.0, 2.0]).reshape(1, 2, 1, 1, 1), pad=0)
    np.testing.assert_array_equal(grid, [[[0, 0, 0], [255, 255, 255]]])


@pytest.mark.parametrize("shape", [(4, 4, 1), (1, 1, 4, 4, 2)])
def test_a_grid_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match="Received: shape"):
        plots.image_grid(np.zeros(shape))


def test_a_colour_png_holds_the_pixels(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 7, 3), np.uint8)
    path = plots.save_png(tmp_path / "new" / "grid.png", pixels)
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
    assert list(path.parent.iterdir()) == [path]


def test_a_grey_png_is_a_palette_of_near_shades(tmp_path):
    pixels = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    path = plots.save_png(tmp_path / "grey.png", pixels)
    with Image.open(path) as image:
        assert image.mode == "P"
        shades = np.asarray(image.convert("L")).astype(int)
    assert len(np.unique(shades)) <= 32
    assert np.abs(shades - pixels[..., 0]).max() <= 8


def test_a_figure_is_saved_whole_and_closed(tmp_path):
    figure, _ = plots.new_figure()
    path = plots.save_figure(tmp_path / "curve.png", figure)
    with Image.open(path) as image:
        image.load()
    assert list(tmp_path.iterdir()) == [path]
    assert not pyplot.fignum_exists(figure.number)


def test_a_cell_has_the_colour_of_its_owner():
    weights = np.zeros((2, 2, 2))
    weights[0, 0, 0] = 1.0  # owned by the first frame
    weights[:, 1, 1] = 1.0, 3.0  # shared, mostly the second's
    places = np.array([[[0.25, 0.25]], [[0.75, 0.75]]])
    figure = plots.occupancy(weights, places, "title")
    axis = figure.axes[0]
    picture = axis.images[0].get_array()
    colours = [points.get_facecolor()[0, :3] for points in axis.collections]
    np.testing.assert_allclose(picture[0, 0], colours[0])
    np.testing.assert_allclose(picture[1, 1], 1 - 0.75 * (1 - colours[1]))
    np.testing.assert_allclose(picture[0, 1], 1)  # nobody wrote: white
    offsets = [points.get_offsets()[0] for points in axis.collections]
    np.testing.assert_allclose(offsets, [[0.5, 0.5], [1.5, 1.5]])
    assert [text.get_text() for text in axis.texts] == ["0", "1"]
    pyplot.close(figure)

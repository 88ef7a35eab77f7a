"""Pictures: grids of images, curves, the memory's occupancy; written atomically."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from kpp_tf import files

if TYPE_CHECKING:  # matplotlib is slow to import
    from matplotlib.figure import Figure

_GREY = 128  # between images


def image_grid(images: np.ndarray, pad: int = 2, zoom: int = 1) -> np.ndarray:
    """Lays images out in rows and columns.

    Args:
      images: [rows, columns, H, W, C] in [0, 1], C of 1 or 3.
      pad: grey pixels between images.
      zoom: each pixel becomes zoom x zoom.

    Returns:
      uint8 [h, w, 3].

    Raises:
      ValueError: for another shape.
    """
    images = np.asarray(images, np.float32)
    if images.ndim != 5 or images.shape[-1] not in (1, 3):
        raise ValueError(
            "a grid takes images [rows, columns, H, W, 1 or 3]. Received: shape "
            f"{images.shape}"
        )
    shades = np.clip(np.rint(images * 255), 0, 255).astype(np.uint8)
    shades = np.broadcast_to(shades, (*images.shape[:-1], 3))
    shades = shades.repeat(zoom, axis=2).repeat(zoom, axis=3)
    before, after, none = (pad, 0), (0, pad), (0, 0)
    tiles = np.pad(shades, [none, none, before, before, none], constant_values=_GREY)
    # Rows one below the other, then columns side by side.
    grid = np.concatenate(np.concatenate(tiles, axis=1), axis=1)
    return np.pad(grid, [after, after, none], constant_values=_GREY)


def save_png(path: str | Path, pixels: np.ndarray) -> Path:
    """Writes uint8 [h, w, 3] as PNG, to a temporary name first; returns the path.

    A grey picture is stored with one channel of 32 shades, in a third of the bytes.
    """
    image = Image.fromarray(pixels)
    if np.all(pixels == pixels[..., :1]):
        image = image.convert("L").quantize(32)
    with files.replacing(path) as temporary:
        image.save(temporary, format="PNG", optimize=True)
    return Path(path)


def save_figure(path: str | Path, figure: Figure) -> Path:
    """Writes a matplotlib figure as PNG, to a temporary name first, and closes it."""
    from matplotlib import pyplot

    with files.replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110, bbox_inches="tight")
    pyplot.close(figure)
    return Path(path)


def new_figure(
    rows: int = 1, columns: int = 1, width: float = 5.0, height: float = 4
) -> tuple[Figure, np.ndarray]:
    """A matplotlib figure and its axes [rows, columns], drawn without a screen.

    Args:
      rows: of axes.
      columns: of axes.
      width: of one, in inches.
      height: of one, in inches.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot.subplots(
        rows, columns, figsize=(width * columns, height * rows), squeeze=False
    )


def occupancy(weights: np.ndarray, places: np.ndarray, title: str = "") -> Figure:
    """The memory's cells by the frame that wrote them, and the frames' keys.

    Args:
      weights: [T, S, S], the weight with which each frame wrote each cell.
      places: [T, K, 2], (x, y) of the keys in [0, 1]^2 of the memory.
      title: of the figure.

    Returns:
      A figure: each cell in the colour of the frame with most weight, paler where
      frames share it, white where no frame wrote.
    """
    from matplotlib import colormaps

    length, size = weights.shape[:2]
    colours = colormaps["hsv"](np.arange(length) / length)[:, :3]
    total = weights.sum(axis=0)
    share = weights.max(axis=0) / np.maximum(total, 1e-9)
    written = np.clip(total, 0, 1)[..., None] * share[..., None]
    picture = 1 - written * (1 - colours[weights.argmax(axis=0)])
    figure, axes = new_figure(width=5.5, height=5.0)
    axis = axes[0, 0]
    axis.imshow(picture, extent=(0, size, size, 0), interpolation="nearest")
    for frame in range(length):
        x, y = places[frame].T * size
        axis.scatter(x, y, s=18, color=colours[frame], edgecolor="black", linewidth=0.6)
        axis.annotate(
            str(frame),
            (x[0], y[0]),
            fontsize=6,
            xytext=(2, 2),
            textcoords="offset points",
        )
    axis.set(xlabel="x, cells", ylabel="y, cells", title=title)
    axis.set_xticks(range(size + 1), minor=True)
    axis.set_yticks(range(size + 1), minor=True)
    axis.grid(which="minor", color="black", alpha=0.15)
    return figure

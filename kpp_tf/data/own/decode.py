"""One picture file as pixels: any kind that Pillow reads without other programs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from kpp_tf.data.own import pixels

# Not all that Pillow knows: some kinds start other programs.
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
SUFFIXES = tuple(
    ".png .jpg .jpeg .jfif .webp .bmp .gif .tif .tiff .ppm .pgm .pbm".split()
)
_ANIMATED = ("PNG", "WEBP", "GIF", "TIFF")  # a JPEG's further frames are previews


class Picture(NamedTuple):
    """A decoded file.

    Attributes:
      pixels: uint8 [H, W, C] of 1 to 4 channels, the second or the fourth alpha.
      frames: more than 1 for an animation, of which this is the first.
      deepest: the largest number in a file of 16 bits; 0 for other files.
    """

    pixels: np.ndarray
    frames: int
    deepest: int


def picture(path: Path, white: float) -> Picture:
    """Decodes a file, turned as its EXIF orientation says.

    Args:
      path: of the file.
      white: the number that is white; 0 takes the largest of the file's type: 255,
        65,535, or 1 for floating point.

    Raises:
      UserError: if a number lies above `white`.
      Exception: of any type where the file is damaged.
    """
    # Given a path, Pillow 13 maps a plain TIFF that lies on its side wrongly.
    with path.open("rb") as stream, Image.open(stream, formats=_FORMATS) as image:
        frames = getattr(image, "n_frames", 1) if image.format in _ANIMATED else 1
        image.load()  # which turns a TIFF already
        turned = ImageOps.exif_transpose(image)
    if turned.mode[0] in "IF":
        array = np.asarray(turned)[..., np.newaxis]
        largest = 1 if turned.mode == "F" else 65535
        deepest = 0 if turned.mode == "F" else int(array.max())
        return Picture(
            pixels.levels(array, white or largest, "the file"), frames, deepest
        )
    grey = turned.mode in ("1", "L", "LA")
    if turned.has_transparency_data:
        array = np.array(turned.convert("LA" if grey else "RGBA"))
        colour = array[..., :-1]
    else:
        array = np.array(turned.convert("L" if grey else "RGB"))
        array = colour = array.reshape(*array.shape[:2], -1)
    if white:
        colour[...] = pixels.levels(colour, white, "the file")
    return Picture(array, frames, 0)
